package release

// field is what is known of a part of a service's spec.
type field struct {
	// word is its name in a stack file, and so for everybody.
	word string
	// hidden says that its values are never shown, only that they differ.
	hidden bool
	// may is the rule for what the deploy key may change of it in the scope stack.
	may permission
}

// permission names a rule of the guard.
type permission int

const (
	asBefore    permission = iota // it stays as `pulumi up` deployed it
	free                          // anything is allowed
	orNothing                     // as deployed, or not at all
	stackLabel                    // labels, except Docker's own
	ownPort                       // ports, except the node's
	ownVolume                     // plain volumes of the stack, and memory
	ownNetwork                    // overlays of the stack, and others that the trusted file names
	ownConfig                     // configs, except stackctl's
	plainPath                     // secrets, at plain paths
	harmlessLog                   // drivers and options that stay on the node
)

// The parts of Docker's types, to keep the table below readable.
const (
	inTask      = "TaskTemplate."
	inContainer = inTask + "ContainerSpec."
	inHealth    = inContainer + "Healthcheck."
	inResources = inTask + "Resources."
	inRestart   = inTask + "RestartPolicy."
	inPlacement = inTask + "Placement."
)

// fields are all parts of a service's spec. A test compares them with Docker's types. A
// part that is missing here is hidden, and no deploy key may change it.
var fields = map[string]field{
	"Name":               {"name", false, asBefore},
	"Labels":             {"label", true, stackLabel},
	"Mode":               {"mode", false, free},
	"Networks":           {"old networks", false, asBefore},
	"EndpointSpec.Mode":  {"endpoint_mode", false, free},
	"EndpointSpec.Ports": {"port", false, ownPort},

	inContainer + "Image":           {"image", false, free},
	inContainer + "Labels":          {"container label", true, stackLabel},
	inContainer + "Command":         {"entrypoint", true, free},
	inContainer + "Args":            {"command", true, free},
	inContainer + "Hostname":        {"hostname", false, free},
	inContainer + "Env":             {"variable", true, free},
	inContainer + "Dir":             {"working_dir", false, free},
	inContainer + "User":            {"user", false, free},
	inContainer + "Groups":          {"groups", false, orNothing},
	inContainer + "Privileges":      {"security options", true, orNothing},
	inContainer + "Init":            {"init", false, free},
	inContainer + "StopSignal":      {"stop_signal", false, free},
	inContainer + "TTY":             {"tty", false, free},
	inContainer + "OpenStdin":       {"stdin_open", false, free},
	inContainer + "ReadOnly":        {"read_only", false, free},
	inContainer + "Mounts":          {"volume", false, ownVolume},
	inContainer + "StopGracePeriod": {"stop_grace_period", false, free},
	inContainer + "Hosts":           {"extra_hosts", false, free},
	inContainer + "Secrets":         {"secret", false, plainPath},
	inContainer + "Configs":         {"config", false, ownConfig},
	inContainer + "Isolation":       {"isolation", false, orNothing},
	inContainer + "Sysctls":         {"sysctl", false, orNothing},
	inContainer + "CapabilityAdd":   {"cap_add", false, orNothing},
	inContainer + "CapabilityDrop":  {"cap_drop", false, free},
	inContainer + "Ulimits":         {"ulimit", false, free},
	inContainer + "OomScoreAdj":     {"oom_score_adj", false, orNothing},

	inContainer + "DNSConfig.Nameservers": {"dns", false, free},
	inContainer + "DNSConfig.Search":      {"dns_search", false, free},
	inContainer + "DNSConfig.Options":     {"dns options", false, free},

	inHealth + "Test":          {"healthcheck test", true, free},
	inHealth + "Interval":      {"healthcheck interval", false, free},
	inHealth + "Timeout":       {"healthcheck timeout", false, free},
	inHealth + "StartPeriod":   {"healthcheck start_period", false, free},
	inHealth + "StartInterval": {"healthcheck start_interval", false, free},
	inHealth + "Retries":       {"healthcheck retries", false, free},

	inTask + "PluginSpec":            {"plugin", true, orNothing},
	inTask + "NetworkAttachmentSpec": {"network attachment", true, orNothing},
	inTask + "Networks":              {"network", false, ownNetwork},
	inTask + "LogDriver.Name":        {"logging driver", false, harmlessLog},
	inTask + "LogDriver.Options":     {"logging option", true, harmlessLog},
	inTask + "ForceUpdate":           {"forced updates", false, free},
	inTask + "Runtime":               {"runtime", false, asBefore},

	inResources + "Limits.NanoCPUs":               {"limits.cpus (billionths)", false, free},
	inResources + "Limits.MemoryBytes":            {"limits.memory (bytes)", false, free},
	inResources + "Limits.Pids":                   {"limits.pids", false, free},
	inResources + "Reservations.NanoCPUs":         {"reservations.cpus (billionths)", false, free},
	inResources + "Reservations.MemoryBytes":      {"reservations.memory (bytes)", false, free},
	inResources + "Reservations.GenericResources": {"generic_resources", false, orNothing},

	inRestart + "Condition":   {"restart_policy condition", false, free},
	inRestart + "Delay":       {"restart_policy delay", false, free},
	inRestart + "MaxAttempts": {"restart_policy max_attempts", false, free},
	inRestart + "Window":      {"restart_policy window", false, free},

	inPlacement + "Constraints": {"placement constraints", false, free},
	inPlacement + "Preferences": {"placement preferences", false, free},
	inPlacement + "MaxReplicas": {"max_replicas_per_node", false, free},
	inPlacement + "Platforms":   {"platforms", false, free},

	"UpdateConfig.Parallelism":       {"update_config parallelism", false, free},
	"UpdateConfig.Delay":             {"update_config delay", false, free},
	"UpdateConfig.FailureAction":     {"update_config failure_action", false, free},
	"UpdateConfig.Monitor":           {"update_config monitor", false, free},
	"UpdateConfig.MaxFailureRatio":   {"update_config max_failure_ratio", false, free},
	"UpdateConfig.Order":             {"update_config order", false, free},
	"RollbackConfig.Parallelism":     {"rollback_config parallelism", false, free},
	"RollbackConfig.Delay":           {"rollback_config delay", false, free},
	"RollbackConfig.FailureAction":   {"rollback_config failure_action", false, free},
	"RollbackConfig.Monitor":         {"rollback_config monitor", false, free},
	"RollbackConfig.MaxFailureRatio": {"rollback_config max_failure_ratio", false, free},
	"RollbackConfig.Order":           {"rollback_config order", false, free},
}
