package cluster

import "testing"

func TestFormerLoginIsRemoved(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	for _, step := range []struct {
		server, username string
		called           string
		left             string
	}{
		{"ghcr.io", "me", "docker login", "by-hand.example\nghcr.io\n"},
		{"docker.io", "me", "docker logout ghcr.io", "by-hand.example\ndocker.io\n"},
		{"docker.io", "", "docker logout\n", "by-hand.example\n"},
		{"docker.io", "", "not docker logout", "by-hand.example\n"},
		{"by-hand.example", "", "not docker log", "by-hand.example\n"},
	} {
		m.want(true, "", step.called, "manager", equipment("deploy", step.server, step.username, map[string]string{"me": "t0ken"}[step.username]))
		if got := m.read("auths"); got != step.left {
			t.Errorf("%+v: logged in to %q", step, got)
		}
	}
}

// The login at the former registry stays while services need it: the deployment that moves
// them to the new registry comes later and may fail.
func TestLoginThatServicesNeedStays(t *testing.T) {
	t.Parallel()
	for images, stays := range map[string]bool{
		"ghcr.io/me/api:1\nnginx:1\n": true, "ghcr.io.example/api:1\nnginx:1\n": false, "": false,
	} {
		m := managerMachine(t)
		m.write("images", images)
		m.want(true, "", "docker login", "manager", equipment("deploy", "ghcr.io", "me", "t0ken"))
		moved, called := equipment("deploy", "new.example", "me", "t0ken"), "docker logout ghcr.io"
		if stays {
			m.want(true, "'docker logout ghcr.io'", "not "+called, "manager", moved)
			m.write("images", "new.example/api:2\n")
		}
		m.want(true, " ghcr.io\n", called, "manager", moved)
	}
	hub := managerMachine(t)
	hub.write("images", "nginx:1\n")
	hub.want(true, "", "docker login", "manager", equipment("deploy", "docker.io", "me", "t0ken"))
	hub.want(true, "'docker logout docker.io'", "not docker logout", "manager", equipment("deploy", "ghcr.io", "me", "t0ken"))
	hub.want(true, "'docker logout docker.io'", "docker logout ghcr.io", "manager", equipment("deploy", "ghcr.io", "", ""))
}

func TestLoginThatCannotBeErasedIsNotForgotten(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	m.want(true, "", "docker login", "manager", equipment("deploy", "ghcr.io", "me", "t0ken"))
	m.write("stuck", "")
	for range 2 {
		m.want(false, "could not erase credentials", "docker logout ghcr.io", "manager", equipment("deploy", "ghcr.io", "", ""))
	}
}

// A login that fails may still have taken effect, so it is not forgotten.
func TestLoginIsNotedBeforeItIsMade(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	m.write("refuses", "")
	m.want(false, " ghcr.io ... me: unauthorized", "docker login", "manager", equipment("deploy", "ghcr.io", "me", "t0ken"))
	m.want(true, " ghcr.io\n", "docker logout ghcr.io", "manager", equipment("deploy", "ghcr.io", "", ""))
}
