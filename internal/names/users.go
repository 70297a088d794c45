package names

import (
	"slices"
	"strings"
)

// azureUsers are those that Azure refuses: Compute's REST documentation,
// osProfile.adminUsername.
var azureUsers = []string{
	"1", "123", "a", "actuser", "adm", "admin", "admin1", "admin2", "administrator", "aspnet", "backup", "console", "david",
	"guest", "john", "owner", "root", "server", "sql", "support", "support_388945a0", "sys", "test", "test1", "test2", "test3",
	"user", "user1", "user2", "user3", "user4", "user5",
}

// debianUsers are the accounts and groups that Debian has from the start (base-passwd), and
// those of the packages on a cloud image and of Docker's packages. A group counts too:
// useradd makes a group with the account's name. Names that begin with an underscore are
// left out, because they cannot be configured.
var debianUsers = []string{
	"adm", "audio", "backup", "bin", "cdrom", "clock", "crontab", "daemon", "dhcpcd", "dialout", "dip", "disk", "dnsmasq", "docker",
	"fax", "floppy", "games", "input", "irc", "kmem", "kvm", "list", "lp", "lxd", "mail", "man", "messagebus", "netdev", "news",
	"nobody", "nogroup", "ntp", "ntpsec", "operator", "plugdev", "polkitd", "proxy", "rdma", "render", "root", "sasl", "sgx",
	"shadow", "src", "ssh", "sshd", "ssl-cert", "staff", "sudo", "sync", "sys", "tape", "tcpdump", "tss", "tty", "users", "utmp",
	"uucp", "uuidd", "video", "voice", "www-data",
}

// ReservedUser tells whether an account of that name cannot be created on a node, or would
// be an account that exists there already.
func ReservedUser(name string) bool {
	return slices.Contains(azureUsers, name) || slices.Contains(debianUsers, name) || strings.HasPrefix(name, "systemd-")
}
