package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/recorder"
)

const remoteCommand = "command:remote:Command"

// joined is the output of a command that brings a node into the Swarm.
func joined(r *recorder.Resource) resource.PropertyMap {
	said := ""
	if strings.HasSuffix(r.Name, "join") || strings.HasSuffix(r.Name, "-init") {
		said = `{"node":"id-` + r.Name + `","swarm":"the-swarm","worker":"SWMTKN-w","manager":"SWMTKN-m"}`
	}
	return resource.PropertyMap{"stdout": resource.NewProperty(said), "stderr": resource.NewProperty("")}
}

// sleeping runs the program for one manager and workers; each command calls what it is
// given.
func sleeping(t testing.TB, nodes int, command func()) (*recorder.Recorder, error) {
	config := shipped(t, "sandbox")
	config["averazure:workers"] = fmt.Sprint(nodes - 1)
	return record(t, config, func(r *recorder.Recorder) {
		r.Answers = map[string]recorder.Answer{remoteCommand: func(res *recorder.Resource) resource.PropertyMap {
			command()
			return joined(res)
		}}
	})
}

// longest is the length of the longest chain of commands in which each waits for the one
// before.
func longest(r *recorder.Recorder) int {
	chains, most := map[string]int{}, 0
	for _, res := range r.Resources() { // in an order in which every resource comes after what it waits for
		chain := 0
		for _, needed := range res.Request.GetDependencies() {
			chain = max(chain, chains[needed])
		}
		if res.Type == remoteCommand {
			chain++
		}
		chains[res.URN], most = chain, max(most, chain)
	}
	return most
}

func TestMoreNodesMakeNoLongerChain(t *testing.T) {
	var before int
	for _, nodes := range []int{2, 9} {
		r, err := sleeping(t, nodes, func() {})
		if err != nil {
			t.Fatal(err)
		}
		chain := longest(r)
		if chain < 3 || before > 0 && chain != before {
			t.Errorf("%d nodes: %d commands one after another, with fewer nodes %d", nodes, chain, before)
		}
		before = chain
	}
}

// BenchmarkWaiting runs the program with commands that only sleep. It shows what waits for
// what, without a processor that limits it. `make bench BENCH='--only waiting'` makes a
// table of it.
func BenchmarkWaiting(b *testing.B) {
	const pause = 500 * time.Millisecond
	if _, err := sleeping(b, 2, func() {}); err != nil { // compiles stackctl
		b.Fatal(err)
	}
	for _, nodes := range []int{2, 4, 8, 16, 32} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			for b.Loop() {
				var commands atomic.Int64
				began := time.Now()
				if _, err := sleeping(b, nodes, func() {
					commands.Add(1)
					time.Sleep(pause)
				}); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(time.Since(began).Seconds(), "s")
				b.ReportMetric(float64(commands.Load()), "commands")
			}
		})
	}
}
