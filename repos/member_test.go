package repos

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// member is one of several managers at its own address. It may be a manager that is down.
type member struct {
	manager
	state string     // in which way it is down; empty if it accepts connections
	key   ssh.Signer // the key that MANAGERS names for it; nil for its real key
}

// stand starts the members at addresses of this machine, all at one port, and returns
// MANAGERS and the port. It calls asked with the number of each member and the verb that it
// was asked for.
func stand(t *testing.T, members []member, asked func(string)) (managers, port string) {
	port = "0"
	for i, d := range members {
		address := fmt.Sprintf("127.0.0.%d", 2+i)
		d.asked = func(verb string) { asked(fmt.Sprint(i+1, " ", verb)) }
		if port == "0" && d.state != "" { // listen briefly to find a free port
			listener, err := net.Listen("tcp", address+":0")
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ = net.SplitHostPort(listener.Addr().String())
			listener.Close()
		}
		switch d.state {
		case "refuses":
		case "drops":
			dropping(t, address, port)
		case "frozen": // the kernel takes the connection, and nobody says anything
			// Reads, since Go closes a connection that nothing refers to.
			listenAt(t, address+":"+port, func(conn net.Conn) { io.Copy(io.Discard, conn) })
		case "tired": // it serves one connection and ends the others
			var tired atomic.Bool
			listenAt(t, address+":"+port, func(conn net.Conn) {
				if tired.Swap(true) {
					conn.Close()
					return
				}
				d.serve(conn)
			})
		case "":
			port = listenAt(t, address+":"+port, d.serve)
		}
		key := d.key
		if key == nil {
			key = d.host
		}
		managers += address + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey()))) + "\n"
	}
	return managers, port
}

// dropping listens with a queue that is full: Linux answers no further packet.
func dropping(t *testing.T, address, port string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	at := &syscall.SockaddrInet4{}
	copy(at.Addr[:], net.ParseIP(address).To4())
	fmt.Sscan(port, &at.Port)
	whenFree(t, func() error { return syscall.Bind(fd, at) })
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		conn, err := net.DialTimeout("tcp", address+":"+port, 300*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue does not fill up")
}
