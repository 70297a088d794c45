package backup

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Memory is a Store for tests.
type Memory struct {
	mutex   sync.Mutex
	Objects map[string][]byte
	// Fail is called before every call, with its verb and name. If it returns an error, the
	// call fails with that error.
	Fail func(verb, name string) error
}

func (m *Memory) begin(verb, name string) (func(), error) {
	m.mutex.Lock()
	if m.Objects == nil {
		m.Objects = map[string][]byte{}
	}
	if m.Fail != nil {
		if err := m.Fail(verb, name); err != nil {
			m.mutex.Unlock()
			return nil, err
		}
	}
	return m.mutex.Unlock, nil
}

// List implements Store.
func (m *Memory) List(_ context.Context, prefix string) ([]Object, error) {
	end, err := m.begin("list", prefix)
	if err != nil {
		return nil, err
	}
	defer end()
	var found []Object
	for _, name := range slices.Sorted(maps.Keys(m.Objects)) {
		if strings.HasPrefix(name, prefix) {
			found = append(found, Object{name, int64(len(m.Objects[name]))})
		}
	}
	return found, nil
}

// Put implements Store.
func (m *Memory) Put(_ context.Context, name string, content io.Reader) error {
	data, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	end, err := m.begin("put", name)
	if err != nil {
		return err
	}
	defer end()
	if _, is := m.Objects[name]; is {
		return fmt.Errorf("%s exists already", name)
	}
	m.Objects[name] = data
	return nil
}

// Get implements Store.
func (m *Memory) Get(_ context.Context, name string) (io.ReadCloser, error) {
	end, err := m.begin("get", name)
	if err != nil {
		return nil, err
	}
	defer end()
	data, is := m.Objects[name]
	if !is {
		return nil, fmt.Errorf("%s is not there", name)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Delete implements Store.
func (m *Memory) Delete(_ context.Context, name string) error {
	end, err := m.begin("delete", name)
	if err != nil {
		return err
	}
	defer end()
	delete(m.Objects, name)
	return nil
}
