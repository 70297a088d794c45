package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

// waiting runs the program against commands that only sleep (BenchmarkWaiting in the root
// package), so that the processors of this machine do not limit it.
func (b *bench) waiting(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkWaiting$", "-benchtime", "1x", ".")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	waits, err := readWaits(string(out))
	if err != nil {
		return err
	}
	b.blocks["waiting"] = waitingTable(waits)
	return nil
}

// wait is what BenchmarkWaiting reports of one number of nodes.
type wait struct {
	nodes, commands int
	seconds         float64
}

// waitLine is one of its lines, whose figures stand in the order of their units:
//
//	BenchmarkWaiting/nodes=4-2  1  9012 ns/op  21.00 commands  4.512 s
var waitLine = regexp.MustCompile(`(?m)^BenchmarkWaiting/nodes=(\d+)\S*\s.*?([\d.]+) commands\s+([\d.]+) s$`)

func readWaits(out string) (all []wait, err error) {
	for _, found := range waitLine.FindAllStringSubmatch(out, -1) {
		var w wait
		var figures [3]float64
		for i := range figures {
			if figures[i], err = strconv.ParseFloat(found[i+1], 64); err != nil {
				return nil, err
			}
		}
		w.nodes, w.commands, w.seconds = int(figures[0]), int(figures[1]), figures[2]
		all = append(all, w)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("BenchmarkWaiting reports nothing:\n%s", out)
	}
	return all, nil
}

func waitingTable(waits []wait) string {
	text := `### Waiting alone

The unchanged program, without an engine, where every command on a node sleeps for half a
second: what is left is what waits for what. Only nodes that exist take turns, with new
settings of Docker and with new VMs.

| nodes | commands | |
|---|---|---|
`
	var x, y []float64
	for _, w := range waits {
		text += fmt.Sprintf("| %d | %d | %.1f s |\n", w.nodes, w.commands, w.seconds)
		x, y = append(x, float64(w.nodes)), append(y, w.seconds)
	}
	if len(waits) > 1 {
		text += fmt.Sprintf("| each more | | %.2f s |\n", slope(x, y))
	}
	return text
}
