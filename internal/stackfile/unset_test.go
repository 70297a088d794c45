package stackfile

import (
	"errors"
	"testing"

	"averazure/internal/ports"
)

// If only values of variables are missing, the error still shows what else is missing:
// secrets, and ports that are closed. Ports whose numbers come from such variables are not
// reported.
func TestUnsetVariablesDoNotHideTheRest(t *testing.T) {
	_, err := Load(write(t, minimal+`    environment: {GREETING: "", TOKEN: }
    command: ["${WORD}", "${MORE}"]
    deploy: {replicas: $COUNT}
    ports: ["9090:80", "${PORT}:81"]
    secrets: [db]
secrets: {db: {external: true}}
`), nil)
	var unset UnsetError
	if !errors.As(err, &unset) || unset.File == nil {
		t.Fatalf("got %v", err)
	}
	mustName(t, err, "WORD MORE COUNT PORT TOKEN")
	if got := unset.File.Unprovided(nil); len(got) != 1 {
		t.Errorf("secrets: %q", got)
	}
	got := unset.File.PortWarnings(ports.Open{})
	if len(got) != 1 {
		t.Fatalf("ports: %q", got)
	}
	mustName(t, errors.New(got[0]), "9090")
}

// A size or a duration is tried too. If something else is wrong with the file, the error
// has no File.
func TestUnsetVariablesTakeWhatFits(t *testing.T) {
	for content, fits := range map[string]bool{
		minimal + "    stop_grace_period: $T\n":                             true,
		minimal + "    deploy: {resources: {limits: {memory: $M}}}\n":       true,
		minimal + "    stop_grace_period: $T\n    networks: [none]\n":       false,
		minimal + "    stop_grace_period: $T\n    deploy: {replicas: $N}\n": false,
	} {
		_, err := Load(write(t, content), nil)
		var unset UnsetError
		if !errors.As(err, &unset) || (unset.File != nil) != fits {
			t.Errorf("%s: %v, with a file: %v", content, err, unset.File != nil)
		}
	}
}
