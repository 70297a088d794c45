package release

// Outcome is the result of a deployment in one word.
type Outcome string

// The outcomes, each with the exit status of stackctl.
const (
	Runs    Outcome = "runs"     // 0: every service runs what was asked for
	PutBack Outcome = "put-back" // 1: it failed, and the last good release runs again
	Failed  Outcome = "failed"   // 1: it failed, and nothing could be put back
	Refused Outcome = "refused"  // 2: nothing was touched
	Busy    Outcome = "busy"     // 3: another deployment of the stack is under way
)

// Status is the exit status of the outcome.
func (o Outcome) Status() int {
	switch o {
	case Runs:
		return 0
	case Refused:
		return 2
	case Busy:
		return 3
	}
	return 1
}

// Result is what stackctl prints about a deployment with --json. Programs read
// this and never a sentence.
type Result struct {
	Stack   string  `json:"stack"`
	Outcome Outcome `json:"outcome"`
	// Release is the release that runs now; 0 where there is none.
	Release int `json:"release,omitempty"`
	// Kept is set if the sent file was not deployed because stack-repo owns the stack file.
	// The released file was deployed again instead.
	Kept bool `json:"kept,omitempty"`
	// Images are what the services run, by full service name.
	Images map[string]string `json:"images,omitempty"`
	// Nodes are the lost managers whose entries a recovery removed.
	Nodes []string `json:"nodes,omitempty"`
	// Holder is the run that a busy run waited for.
	Holder *Holder `json:"holder,omitempty"`
	// Problems are the reasons of an outcome other than runs.
	Problems []Problem `json:"problems,omitempty"`
	// Verdict is the outcome in one sentence for people.
	Verdict string `json:"verdict"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`

	tookOver bool // this run took over from one that died
}

// Problem is one reason why something failed or was refused.
type Problem struct {
	// Code names the kind, such as image-missing.
	Code string `json:"code"`
	// Service is the full name of the service that it is about, if any.
	Service string `json:"service,omitempty"`
	// Field is the part of the stack file that it is about, such as cap_add, if any.
	Field string `json:"field,omitempty"`
	// Node is the host name of the node that it happened on, if any.
	Node string `json:"node,omitempty"`
	// Reason is the problem in words: the task's own, if there is a task.
	Reason string `json:"reason"`
	// Log is the end of the task's output.
	Log []string `json:"log,omitempty"`
}
