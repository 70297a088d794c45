package release

import (
	"context"
	"errors"
	"maps"
	"strings"

	"averazure/internal/stackfile"
)

func (w *work) fail(code string, err error) Result {
	return Result{Outcome: Failed, Problems: []Problem{{Code: code, Reason: err.Error()}}, Verdict: w.stack + ": " + err.Error()}
}

func refuse(code string, err error) Result {
	return Result{Outcome: Refused, Problems: []Problem{{Code: code, Reason: err.Error()}}, Verdict: "refused, and nothing was touched: " + err.Error()}
}

// refuseOrFail separates what is wrong with the file, or with what it needs, from what
// interrupted the run. In both cases nothing was touched.
func (w *work) refuseOrFail(err error) Result {
	p := problemOf(err)
	switch p.Code {
	case "docker", "late", "stopped", "no-quorum", "not-a-manager":
		return w.fail(p.Code, err)
	}
	result := refuse(p.Code, err)
	result.Problems = []Problem{p}
	return result
}

// CodeOf is the code of an error's Problem.
func CodeOf(err error) string { return problemOf(err).Code }

// problemOf gives an error its code.
func problemOf(err error) Problem {
	var (
		secret  missingSecret
		config  missingConfig
		content contentError
		large   releaseError
		image   imageError
		network networkError
		service serviceError
		none    quorumError
	)
	p := Problem{Code: "docker", Reason: err.Error()}
	switch {
	case errors.As(err, new(lateError)):
		p.Code = "late"
	case errors.Is(err, errSignal), errors.Is(err, errLostClaim), errors.Is(err, context.Canceled):
		p.Code = "stopped"
	case errors.As(err, &secret):
		p.Code, p.Service = "secret-missing", secret.service
	case errors.As(err, &config):
		p.Code, p.Service = "config-missing", config.service
	case errors.As(err, &content):
		p.Code = "secret-unreadable"
	case errors.As(err, &large):
		p.Code = "too-large"
	case errors.As(err, &image):
		p.Code, p.Service = "image-missing", image.service
	case errors.As(err, &network):
		p.Code = "network"
	case errors.As(err, new(unknownStack)):
		p.Code = CodeUnknownStack
	case errors.As(err, new(notManagerError)):
		p.Code = "not-a-manager"
	case errors.As(err, &none):
		p.Code = "no-quorum"
	case errors.As(err, &service):
		p.Code, p.Service = "service-refused", service.service
	}
	return p
}

// explain reports each problem with the end of its task's output.
func (w *work) explain(problems []Problem) {
	for _, p := range problems {
		if p.Service != "" && !strings.Contains(p.Reason, p.Service) {
			w.say("%s: %s", p.Service, p.Reason)
		} else {
			w.say("%s", p.Reason)
		}
		for _, line := range p.Log {
			w.say("  | %s", line)
		}
	}
}

func reasons(problems []Problem) string {
	var texts []string
	for _, p := range problems {
		text := p.Reason
		if p.Service != "" && !strings.Contains(text, p.Service) {
			text = p.Service + ": " + text
		}
		texts = append(texts, excerpt(text, 300))
	}
	return strings.Join(texts, "; ")
}

// Ending is the verdict without the problems, for people who have just read them.
func (r Result) Ending() string {
	if r.Outcome == Refused && len(r.Problems) == 1 {
		return strings.TrimSuffix(r.Verdict, ": "+r.Problems[0].Reason)
	}
	return strings.Replace(r.Verdict, " ("+reasons(r.Problems)+")", "", 1)
}

// merged is the first map, with the entries of the second one overriding it.
func merged[V any](under, over map[string]V) map[string]V {
	all := map[string]V{}
	maps.Copy(all, under)
	maps.Copy(all, over)
	return all
}

func imagesOf(specs stackfile.Specs) map[string]string {
	images := map[string]string{}
	for name, spec := range specs.Services {
		if spec.TaskTemplate.ContainerSpec != nil {
			images[name] = spec.TaskTemplate.ContainerSpec.Image
		}
	}
	return images
}
