package release

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// shelf is the one volume of a node, and the containers on that node that never run.
type shelf struct {
	files map[string]string // content by name
	owner int               // of the volume's directory
	made  map[string]container.HostConfig
	fail  error // of every unpacking
}

func (s *shelf) CopyFromContainer(context.Context, string, string) (io.ReadCloser, container.PathStat, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "data/", Mode: 0o700, Uid: s.owner})
	for name, content := range s.files {
		err = errors.Join(err, archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "data/" + name, Mode: 0o600, Size: int64(len(content))}))
		_, wrote := archive.Write([]byte(content))
		err = errors.Join(err, wrote)
	}
	return io.NopCloser(&out), container.PathStat{}, errors.Join(err, archive.Close())
}

func (s *shelf) CopyToContainer(_ context.Context, id, path string, content io.Reader, _ container.CopyToContainerOptions) error {
	if s.fail != nil {
		return s.fail
	}
	if at := s.made[id].Mounts; len(at) != 1 || path != "/" || at[0].Target != "/"+sharedDir || at[0].Source != "shop_data" {
		return fmt.Errorf("%s does not have the volume: %v", id, at)
	}
	for in := tar.NewReader(content); ; {
		header, err := in.Next()
		if err != nil {
			return nil
		}
		text, _ := io.ReadAll(in)
		if name, under := strings.CutPrefix(header.Name, sharedDir+"/"); under {
			s.files[name] = string(text)
		} else {
			s.owner = header.Uid
		}
	}
}

func (s *shelf) Create(_ context.Context, _ container.Config, host container.HostConfig, name string) (string, error) {
	if _, is := s.made[name]; is {
		return "", errdefs.ErrConflict
	}
	s.made[name] = host
	return name, nil
}

func (s *shelf) ContainerRemove(_ context.Context, id string, _ container.RemoveOptions) error {
	if _, is := s.made[id]; !is {
		return errdefs.ErrNotFound
	}
	delete(s.made, id)
	return nil
}

// library is a Swarm of managers that share the volume of a service, each with its agent.
type library struct {
	t      *testing.T
	m      *memory
	agents map[string]*agent
	shelf  map[string]*shelf
	j      *journal
}

func newLibrary(t *testing.T, options ...func(*swarm.ServiceSpec)) *library {
	t.Helper()
	names := []string{"manager", "manager-2", "manager-3"}
	l := &library{t: t, m: newMemory(names...), agents: map[string]*agent{}, shelf: map[string]*shelf{}, j: &journal{}}
	shares := func(s *swarm.ServiceSpec) { s.Labels[stackfile.LabelShare] = stackfile.ShareTrue }
	options = append([]func(*swarm.ServiceSpec){keeps("shop_data"), shares, startFirst, scaled(1)}, options...)
	expect(t, deploys(newDeployer(t, l.m), specsOf(service("edge", "run:1", options...))), Runs, 1)
	private, _ := keyOf(t, 1)
	for _, name := range names {
		l.shelf[name] = &shelf{files: map[string]string{}, made: map[string]container.HostConfig{}}
		d := newDeployer(t, l.m)
		d.node, d.Host, d.Say, d.Containers = "id-"+name, name, l.j.say, l.shelf[name]
		d.Key = func() ([]byte, error) { return private, nil }
		l.agents[name] = newAgent(d)
	}
	l.agents["manager"].leads = true
	return l
}

// minute lets every agent look once, a minute later.
func (l *library) minute() {
	time.Sleep(time.Minute)
	for _, name := range slices.Sorted(maps.Keys(l.agents)) {
		l.agents[name].eachMinute(l.t.Context(), func() {})
		if left := l.shelf[name].made; len(left) > 0 {
			l.t.Errorf("%s still has %v", name, left)
		}
	}
}

func (l *library) want(node string, files map[string]string) {
	l.t.Helper()
	if have := l.shelf[node].files; !maps.Equal(have, files) {
		l.t.Errorf("%s has %v, want %v", node, have, files)
	}
}

func (l *library) copies() (copies []swarm.Config) {
	for _, one := range l.m.configs {
		if one.Spec.Labels[labelShared] != "" {
			copies = append(copies, one)
		}
	}
	return copies
}

// moves vacates the manager on which the service runs, and returns the one where it then runs.
func (l *library) moves(from string) string {
	l.t.Helper()
	l.m.node(l.t, from).Spec.Availability = swarm.NodeAvailabilityPause
	expect(l.t, l.agents[from].Vacate(l.t.Context(), from), Runs, 0)
	l.m.node(l.t, from).Spec.Availability = swarm.NodeAvailabilityActive
	return strings.Trim(strings.TrimPrefix(l.m.where("shop_edge"), "[id-"), "]")
}

func TestVolumesAreSharedAmongManagers(t *testing.T) {
	virtual(t, "as the service moves", func(t *testing.T) {
		l := newLibrary(t)
		first := map[string]string{"caddy/a.key": "the private key", "caddy/a.crt": "the certificate"}
		l.shelf["manager"].files, l.shelf["manager"].owner = maps.Clone(first), 472
		l.shelf["manager-2"].files["old"] = "stays"
		l.minute()
		l.want("manager-3", first)
		l.want("manager-2", map[string]string{"caddy/a.key": "the private key", "caddy/a.crt": "the certificate", "old": "stays"})
		if owner := l.shelf["manager-3"].owner; owner != 472 {
			t.Errorf("the volume belongs to %d", owner)
		}
		copies := l.copies()
		if len(copies) != 1 || bytes.Contains(copies[0].Spec.Data, []byte("private")) {
			t.Fatalf("%d copies, or one that can be read", len(copies))
		}
		// What did not change is neither stored nor written again.
		delete(l.shelf["manager-3"].files, "caddy/a.crt")
		l.minute()
		if again := l.copies(); len(again) != 1 || again[0].ID != copies[0].ID || len(l.shelf["manager-3"].files) != 1 {
			t.Errorf("without a change: %d copies, %v", len(again), l.shelf["manager-3"].files)
		}
		// A volume that somebody removed comes back.
		time.Sleep(rewritePause)
		l.minute()
		l.want("manager-3", first)
		// The service moves, and gets another certificate there.
		l.shelf[l.moves("manager")].files["caddy/a.crt"] = "renewed"
		l.minute()
		l.minute()
		for name, shelf := range l.shelf {
			if shelf.files["caddy/a.crt"] != "renewed" {
				t.Errorf("%s has %v", name, shelf.files)
			}
		}
		if copies := l.copies(); len(copies) != 1 {
			t.Errorf("%d copies", len(copies))
		}
		// The service goes, and with it the copy.
		expect(t, l.agents["manager"].Remove(t.Context(), stack), Runs, 0)
		if l.minute(); len(l.copies()) > 0 {
			t.Error("the copy outlives the service")
		}
	})
}

// A service that starts on a manager before its files are there does not cost them: only
// what it has made there itself replaces what was stored.
func TestAFreshVolumeDoesNotReplaceTheFiles(t *testing.T) {
	for name, made := range map[string]map[string]string{"empty": {}, "with files of its own": {"caddy/a.crt": "another"}} {
		virtual(t, name, func(t *testing.T) {
			l := newLibrary(t)
			l.shelf["manager"].files = map[string]string{"caddy/a.key": "the account", "caddy/a.crt": "the certificate"}
			l.minute()
			now := l.moves("manager")
			l.shelf[now].files = maps.Clone(made)
			l.agents[now].shares = newShares(l.agents[now].Deployer) // it has just started
			want := map[string]string{"caddy/a.key": "the account", "caddy/a.crt": cmp.Or(made["caddy/a.crt"], "the certificate")}
			l.minute()
			l.minute()
			l.want("manager", want)
		})
	}
}

// While no task runs, somebody may be restoring the volume.
func TestAVolumeThatNobodyUsesIsLeftAlone(t *testing.T) {
	virtual(t, "at 0", func(t *testing.T) {
		l := newLibrary(t)
		l.shelf["manager"].files["a"] = "b"
		l.minute()
		byHand(l.m, "shop_edge", scaled(0))
		for _, shelf := range l.shelf {
			shelf.files = map[string]string{"a": "restored"}
		}
		time.Sleep(rewritePause)
		l.minute()
		for name := range l.shelf {
			l.want(name, map[string]string{"a": "restored"})
		}
	})
}

// What cannot be shared is said once, and tried again.
func TestWhatPreventsSharingIsSaidOnce(t *testing.T) {
	for name, files := range map[string]map[string]string{"a large file": {"big": strings.Repeat("x", shareLimit)}, "many files": many(shareLimit / 512)} {
		virtual(t, name, func(t *testing.T) {
			l := newLibrary(t)
			l.shelf["manager"].files = files
			for range 3 {
				l.minute()
			}
			if l.j.has(errShareTooLarge.Error()) != 1 || len(l.copies()) > 0 {
				t.Errorf("%d copies, %q", len(l.copies()), l.j.lines)
			}
			l.shelf["manager"].files = map[string]string{"a": "b"}
			if l.minute(); len(l.copies()) != 1 {
				t.Error("it is not shared although it is small now")
			}
		})
	}
	virtual(t, "a full disk", func(t *testing.T) {
		l := newLibrary(t)
		l.shelf["manager"].files["a"] = "b"
		l.shelf["manager-2"].fail = errors.New("no space left on device")
		for range 3 {
			l.minute()
		}
		if l.j.has("no space left on device") != 1 {
			t.Errorf("%q", l.j.lines)
		}
		l.want("manager-3", map[string]string{"a": "b"})
		l.shelf["manager-2"].fail = nil
		l.minute()
		l.want("manager-2", map[string]string{"a": "b"})
	})
	virtual(t, "a change each minute", func(t *testing.T) {
		l := newLibrary(t)
		stored := map[string]bool{}
		for i := range 180 {
			l.shelf["manager"].files["log"] = fmt.Sprint(i)
			l.minute()
			for _, one := range l.copies() {
				stored[one.ID] = true
			}
		}
		if len(stored) < storeBurst+2 || len(stored) > storeBurst+4 || l.j.has("not shared") == 0 {
			t.Errorf("stored %d times in three hours", len(stored))
		}
	})
}

func many(files int) map[string]string {
	all := map[string]string{}
	for i := range files {
		all[fmt.Sprint(i)] = ""
	}
	return all
}

// A volume is not shared without the label, and neither if it has a driver's options: it may
// be a directory of the node.
func TestVolumesThatAreNotShared(t *testing.T) {
	for name, option := range map[string]func(*swarm.ServiceSpec){
		"no label": func(s *swarm.ServiceSpec) { delete(s.Labels, stackfile.LabelShare) },
		"false":    func(s *swarm.ServiceSpec) { s.Labels[stackfile.LabelShare] = "false" },
		"options":  bindTo("node.role==manager", volumeOf("local", "type=none", "o=bind", "device=/etc")),
		"two":      scaled(2),
		"bound":    bindTo("node.hostname==manager-2", volumeOf("")),
	} {
		virtual(t, name, func(t *testing.T) {
			l := newLibrary(t, option)
			l.shelf["manager"].files["a"] = "b"
			l.minute()
			l.want("manager-3", map[string]string{})
		})
	}
}

// An archive may hold anything that a container's program made.
func TestOnlyFilesAndDirectoriesAreShared(t *testing.T) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, header := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "data/", Uid: 9}, {Typeflag: tar.TypeSymlink, Name: "data/etc", Linkname: "/etc"}, {Typeflag: tar.TypeFifo, Name: "data/pipe"},
		{Typeflag: tar.TypeDir, Name: "data/sub/", Mode: 0o40755, Uid: 33}, {Typeflag: tar.TypeReg, Name: "data/sub/file", Mode: 0o100640, Gid: 7},
	} {
		if err := archive.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{" 0 9 0", "sub 755 33 0", "sub/file 640 0 7"}
	files, err := readArchive(&out)
	if have := listed(files); err != nil || !slices.Equal(have, want) {
		t.Errorf("%q, %v", have, err)
	}
	private, _ := keyOf(t, 1)
	sealed, err := sealFiles(private, files)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := openFiles(private, sealed); err != nil || !slices.Equal(listed(again), want) {
		t.Errorf("after sealing: %q, %v", listed(again), err)
	}
}

func listed(files []sharedFile) (lines []string) {
	for _, file := range files {
		lines = append(lines, fmt.Sprintf("%s %o %d %d", file.Name, file.Mode, file.Uid, file.Gid))
	}
	return lines
}

func FuzzReadArchive(f *testing.F) {
	one, err := writeArchive([]sharedFile{{Header: tar.Header{Typeflag: tar.TypeDir}}, {Header: tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 1}, content: []byte("b")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(one)
	f.Fuzz(func(t *testing.T, archive []byte) {
		files, err := readArchive(bytes.NewReader(archive))
		if err != nil {
			return
		}
		size := 0
		for _, file := range files {
			size += len(file.content)
			if strings.HasPrefix(file.Name, "/") || strings.Contains("/"+file.Name+"/", "/../") {
				t.Errorf("the name %q leads out of the volume", file.Name)
			}
		}
		if size > shareLimit {
			t.Errorf("%d bytes", size)
		}
	})
}
