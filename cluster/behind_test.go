package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

const ownID = "n6xkq9v0c3l1m8z5b2a7r4t0y"

// raw is a codec that leaves messages as they are sent.
type raw struct{}

func (raw) Name() string                  { return "raw" }
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(from []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), from...)
	return nil
}

// otherManager starts a server that answers as a manager does when it is asked for a node's
// certificate. The answer is code. It returns the server's address and its CA's
// certificate.
func otherManager(t *testing.T, code codes.Code) (address, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "swarm-ca"}, DNSNames: []string{"swarm-manager", "swarm-ca"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})),
		grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			var message []byte
			if err := stream.RecvMsg(&message); err != nil {
				return err
			}
			method, _ := grpc.MethodFromServerStream(stream)
			if want := "\n\x19" + ownID; method != "/docker.swarmkit.v1.NodeCA/NodeCertificateStatus" || string(message) != want {
				return status.Errorf(codes.Unimplemented, "%s with %q", method, message)
			}
			if code != codes.OK {
				return status.Error(code, code.String())
			}
			return stream.SendMsg(&[]byte{})
		}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// A node that comes back with its old disk still counts itself as a member of the Swarm,
// which went on without it and has the same id. It joins again if a manager that it knows
// does not know it. It stays as it is in all other cases: if it was only away, if no
// manager can be asked, or if the manager that does not know it is a stranger.
func TestANodeThatWasLeftBehindJoinsAgain(t *testing.T) {
	t.Parallel()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal(err)
	}
	_, foreign := otherManager(t, codes.NotFound)
	for name, test := range map[string]struct {
		code   codes.Code
		spoil  func(m *machine)
		leaves bool
	}{
		"unknown":                 {code: codes.NotFound, leaves: true},
		"only away":               {code: codes.OK},
		"no quorum":               {code: codes.Unknown},
		"no leader yet":           {code: codes.FailedPrecondition},
		"another CA":              {code: codes.NotFound, spoil: func(m *machine) { m.write("docker-root/swarm/certificates/swarm-root-ca.crt", foreign) }},
		"not a manager it knows":  {code: codes.NotFound, spoil: func(m *machine) { m.write("remotes", "") }},
		"only itself":             {code: codes.NotFound, spoil: func(m *machine) { m.write("remotes", strings.Replace(m.read("remotes"), "other", ownID, 1)) }},
		"nobody listens":          {code: codes.NotFound, spoil: func(m *machine) { m.write("remotes", "other 127.0.0.1:1\n") }},
		"one of two is not there": {code: codes.NotFound, spoil: func(m *machine) { m.write("remotes", "third 127.0.0.1:1\n"+m.read("remotes")) }, leaves: true},
	} {
		t.Run(name, func(t *testing.T) {
			address, ca := otherManager(t, test.code)
			for _, state := range []string{"active", "pending"} {
				for _, verb := range []string{"join", "init"} {
					m := swarmMachine(t, state, "the-swarm\n")
					m.write("manager", "true")
					m.write("own", ownID)
					m.write("remotes", "other "+address+"\n")
					m.write("docker-root/swarm/certificates/swarm-root-ca.crt", ca)
					m.program("docker", `case "$*" in
  *RemoteManagers*) cat $D/remotes ;;
  *LocalNodeState*) cat $D/state ;;
  *Swarm.NodeID*) if grep -Eq 'active|pending' $D/state; then cat $D/own; fi ;;
  *) `+swarmDocker+` ;;
esac`)
					m.program("curl", fmt.Sprintf(`case "$*" in *swarm-ca*) exec %s "$@" ;; *https://*) exit 7 ;; esac; cat >$D/asked; echo active >$D/state`, curl))
					if test.spoil != nil {
						test.spoil(m)
					}
					out, err := m.run("swarm", `{"swarm":"the-swarm","token":"T","role":"manager","pool":"10.254.0.0/16","managers":["10.0.0.8"]}`, verb, "10.0.0.2")
					left := strings.Contains(m.read("calls"), "docker swarm leave --force")
					if left != test.leaves {
						t.Fatalf("%s, %s: it leaves: %v\n%s", state, verb, left, out)
					}
					if strings.Contains(m.read("calls"), "swarm init") {
						t.Errorf("%s, %s: starts a Swarm of its own", state, verb)
					}
					if !left {
						continue
					}
					if asked := m.read("asked"); verb == "join" && (err != nil || !strings.Contains(asked, `"RemoteAddrs":["127.0.0.1:2377"`)) {
						t.Errorf("%s: joins with %q: %v\n%s", state, asked, err, out)
					}
					if verb == "init" && (err != nil || !strings.Contains(out, " "+address+" ")) {
						t.Errorf("%s: %v\n%s", state, err, out)
					}
				}
			}
		})
	}
}
