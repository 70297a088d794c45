package main

import (
	"strings"
	"testing"
)

func TestAnAPIThatDoesNotAnswerHasWaysOut(t *testing.T) {
	out := outputs{APIURL: "http://198.18.0.11:9000", StackName: "aver", Nodes: []struct{ Name string }{{"aver-manager"}}}
	const status = "`go run ./sandbox exec aver-manager -- stackctl status aver`"
	closed := waysOut(out, "go run ./sandbox", []string{"8080"})
	for _, want := range []string{status, "port 9000 is not in averazure:publicPorts (8080)", "up --config 'publicPorts[0]=8080' --config 'publicPorts[1]=9000'`"} {
		if !strings.Contains(closed, want) {
			t.Errorf("%q is not in %s", want, closed)
		}
	}
	open := waysOut(out, "go run ./sandbox", []string{"8080", "9000"})
	if !strings.Contains(open, status) || strings.Contains(open, "publicPorts") {
		t.Errorf("of an open port it says %s", open)
	}
}
