package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"averazure/internal/release"
)

func (t table) status(s release.Status) {
	t.rows(t.head(s)...)
	if len(s.Differences) > 0 {
		fmt.Fprintln(t.out)
		for _, difference := range s.Differences {
			t.rows(line(bad, difference.Text))
		}
	}
	fmt.Fprintln(t.out)
	t.rows(serviceRows(s.Services)...)
	fmt.Fprintln(t.out)
	t.rows(nodeRows(s.Nodes)...)
	if len(s.Secrets) > 0 {
		fmt.Fprintln(t.out)
		t.rows(secretRows(s.Secrets)...)
	}
}

func serviceRows(services []release.ServiceStatus) []row {
	rows := []row{line(plain, "SERVICE", "STATE", "TASKS", "IMAGE", "UPDATE", "")}
	for _, one := range services {
		rows = append(rows, line(markOf(one.State == "up"), one.Name, one.State, tasks(one), short(one.Image), one.Update, one.Reason))
	}
	return rows
}

func nodeRows(nodes []release.NodeStatus) []row {
	rows := []row{line(plain, "NODE", "ROLE", "STATE", "AVAILABILITY", "")}
	for _, one := range nodes {
		rows = append(rows, line(markOf(one.State == "ready" && (one.Availability == "active" || one.Held != "")),
			one.Name, one.Role, one.State, one.Availability, about(one)))
	}
	return rows
}

func secretRows(secrets []release.SecretStatus) []row {
	rows := []row{line(plain, "SECRET", "VERSION")}
	for _, one := range secrets {
		rows = append(rows, line(plain, one.Name, one.Version))
	}
	return rows
}

func (t table) head(s release.Status) []row {
	head := []row{line(plain, "stack", s.Stack)}
	if r := s.Release; r != nil {
		head = append(head, line(plain, "release", fmt.Sprintf("%d, by %s, %s%s", r.Number, r.By, when(r.Time), origin(*r))))
	} else {
		head = append(head, line(bad, "release", "none yet"))
	}
	if text := s.Release.InForce(); text != "" {
		head = append(head, line(bad, "rolled back", text))
	}
	head = append(head,
		line(markOf(s.InSync), "as released", yes(s.InSync)),
		line(markOf(s.Healthy), "healthy", yes(s.Healthy)))
	if s.LastAttempt != nil {
		head = append(head, line(bad, "last attempt", attempt(*s.LastAttempt)))
	}
	return slices.Concat(head, underWay(s), backupRows(s.Backups))
}

// underWay is what happens to the stack now, or is about to.
func underWay(s release.Status) []row {
	var rows []row
	if s.Reboots != nil {
		text := "due, in the window of " + when(*s.Reboots)
		if s.RebootsWait != "" {
			text += "; " + s.RebootsWait
		}
		rows = append(rows, line(plain, "reboots", text))
	}
	if s.Deploying != nil {
		rows = append(rows, line(plain, "deploying", fmt.Sprintf("on %s since %s", s.Deploying.Host, when(s.Deploying.Since))))
	}
	if s.Paused != nil {
		rows = append(rows, line(bad, "paused", fmt.Sprintf("until %s: %s", when(s.Paused.Until), s.Paused.Why)))
	}
	return rows
}

func backupRows(backups []release.BackupStatus) []row {
	var rows []row
	for _, one := range backups {
		mark, text := plain, fmt.Sprintf("on %s, %s", one.Host, when(one.Whole))
		if trouble := one.Trouble(time.Now()); trouble != "" {
			mark, text = bad, trouble
		}
		rows = append(rows, line(mark, "backup", text))
	}
	return rows
}

func tasks(s release.ServiceStatus) string {
	if s.State == "gone" {
		return ""
	}
	text := fmt.Sprintf("%d/%d", s.Running, s.Desired)
	if s.Done > 0 {
		text += fmt.Sprintf(", %d done", s.Done)
	}
	return text
}

// about is what else is worth knowing of a node.
func about(n release.NodeStatus) string {
	var words []string
	switch {
	case n.Leader:
		words = append(words, "leader")
	case n.Role == "manager" && !n.Reachable:
		words = append(words, "unreachable")
	}
	switch {
	case n.Held != "":
		words = append(words, "held: "+n.Held)
	case !n.LabelsOK:
		words = append(words, "labels missing")
	}
	if n.Reboot != "" {
		words = append(words, "has to reboot: "+n.Reboot)
	}
	return strings.Join(words, ", ")
}
