package main

// config holds the values that the environment may change. The defaults are the service
// names of the stack.
type config struct {
	Listen     string // LISTEN: address and port of the API
	AMQPURL    string // AMQP_URL: the broker, user and password included
	SeqURL     string // SEQ_URL: base address of the Seq server
	SecretsDir string // SECRETS_DIR: where the orchestrator mounts secrets
}

func loadConfig(getenv func(string) string) config {
	or := func(key, fallback string) string {
		if value := getenv(key); value != "" {
			return value
		}
		return fallback
	}
	return config{
		Listen:     or("LISTEN", ":8080"),
		AMQPURL:    or("AMQP_URL", "amqp://guest:guest@rabbitmq:5672/"),
		SeqURL:     or("SEQ_URL", "http://seq"),
		SecretsDir: or("SECRETS_DIR", "/run/secrets"),
	}
}
