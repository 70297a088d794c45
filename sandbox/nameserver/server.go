package nameserver

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A node's fabric asks through these sockets, which are in a directory that it shares with
// the server. So the packet filter does not apply, as in Azure. Both sockets are streams.
// The choice of the socket tells how the question was asked, and so how long the answer may
// be.
const (
	DatagramSocket = "datagram"
	StreamSocket   = "stream"
)

// Limits on the questions and connections that clients can keep open in the server.
const (
	maxAtOnce  = 256
	streamTime = 10 * time.Second
)

// Server answers from the tables in its directory.
type Server struct {
	dir       string
	slots     chan struct{} // one for each question in progress
	packets   net.PacketConn
	listeners []listener
}

// listener accepts streams. The network is the one ("udp" or "tcp") by which their
// questions were asked.
type listener struct {
	net.Listener
	network string
}

// Listen opens the server for the tables in dir, for datagrams and streams at address. If
// sockets is not empty, it also opens the two sockets in that directory.
func Listen(dir, address, sockets string) (*Server, error) {
	s := &Server{dir: dir, slots: make(chan struct{}, maxAtOnce)}
	var err error
	if s.packets, err = net.ListenPacket("udp", address); err != nil {
		return nil, err
	}
	// TCP uses the same port as UDP, also if the system chose it.
	tcp, err := net.Listen("tcp", s.packets.LocalAddr().String())
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.listeners = append(s.listeners, listener{tcp, "tcp"})
	if sockets == "" {
		return s, nil
	}
	for name, network := range map[string]string{DatagramSocket: "udp", StreamSocket: "tcp"} {
		file := filepath.Join(sockets, name)
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, errors.Join(err, s.close())
		}
		l, err := net.Listen("unix", file)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.listeners = append(s.listeners, listener{l, network})
	}
	return s, nil
}

// Address is the server's address.
func (s *Server) Address() string { return s.packets.LocalAddr().String() }

// Serve answers until ctx ends or the server cannot listen any more.
func (s *Server) Serve(ctx context.Context) error {
	ended := make(chan error, 1+len(s.listeners))
	go func() { ended <- s.serveDatagrams() }()
	for _, l := range s.listeners {
		go func() { ended <- s.serveStreams(l) }()
	}
	select {
	case <-ctx.Done():
		return s.close()
	case err := <-ended:
		return errors.Join(err, s.close())
	}
}

func (s *Server) close() error {
	errs := []error{s.packets.Close()}
	for _, l := range s.listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (s *Server) serveDatagrams() error {
	buffer := make([]byte, 65535)
	for {
		n, from, err := s.packets.ReadFrom(buffer)
		if err != nil {
			return err
		}
		packet := append([]byte(nil), buffer[:n]...)
		s.slots <- struct{}{}
		go func() {
			defer func() { <-s.slots }()
			if answer := s.answer(packet, "udp"); answer != nil {
				s.packets.WriteTo(answer, from)
			}
		}()
	}
}

func (s *Server) serveStreams(l listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		s.slots <- struct{}{}
		go func() {
			defer func() { <-s.slots }()
			defer conn.Close()
			s.serveStream(conn, l.network)
		}()
	}
}

// serveStream answers questions one after the other until the client closes or is silent
// for too long.
func (s *Server) serveStream(conn net.Conn, network string) {
	for conn.SetDeadline(time.Now().Add(streamTime)) == nil {
		packet, err := readFrame(conn)
		if err != nil {
			return
		}
		answer := s.answer(packet, network)
		if answer == nil || writeFrame(conn, answer) != nil {
			return
		}
	}
}
