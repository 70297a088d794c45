package main

import (
	"net"
)

// notifier tells systemd that the agent is up, and then that it still is.
// https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
type notifier struct {
	socket string
	ready  bool
}

func (n *notifier) alive() {
	if n.socket == "" {
		return
	}
	word := "WATCHDOG=1"
	if !n.ready {
		word = "READY=1\n" + word
	}
	// A name that begins with @ is an abstract socket, which net knows too.
	connection, err := net.Dial("unixgram", n.socket)
	if err != nil {
		return // the watchdog says so
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(word)); err == nil {
		n.ready = true
	}
}
