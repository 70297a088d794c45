package hosts

import (
	"encoding/json"
	"fmt"

	"averazure/sandbox/images"
)

const seedDir = "/var/lib/cloud/seed/nocloud"

// seedFiles are the files of a new VM by path: cloud-init's seed and default user, and
// the name server.
func seedFiles(vm VM) (map[string][]byte, error) {
	metaData, err := json.Marshal(map[string]any{
		"instance-id":    vm.ID,
		"local-hostname": vm.ComputerName,
		"public-keys":    vm.AuthorizedKeys,
	})
	if err != nil {
		return nil, err
	}
	// JSON is valid YAML, and json.Marshal quotes every value correctly.
	user, err := json.Marshal(map[string]any{"system_info": map[string]any{"default_user": map[string]any{
		"name": vm.AdminUser, "gecos": vm.AdminUser, "shell": "/bin/bash", "lock_passwd": true,
		"groups": []string{"adm", "sudo"}, "sudo": []string{"ALL=(ALL) NOPASSWD:ALL"},
	}}})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		seedDir + "/meta-data":                       metaData,
		seedDir + "/user-data":                       vm.CustomData,
		"/etc/cloud/cloud.cfg.d/91-sandbox-user.cfg": user,
		"/etc/averazure/resolv.conf":                 []byte("nameserver " + cloudResolver + "\n"),
	}
	if proxy := images.Proxies()["http_proxy"]; proxy != "" {
		files["/etc/apt/apt.conf.d/90sandbox-proxy"] = fmt.Appendf(nil, "Acquire::http::Proxy %q;\n", proxy)
	}
	return files, nil
}
