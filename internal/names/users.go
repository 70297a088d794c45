package names

import "slices"

// reservedUsers are those that Azure refuses (Compute documentation,
// osProfile.adminUsername), and those that Debian has already or packages make.
var reservedUsers = []string{
	"1", "123", "a", "actuser", "adm", "admin", "admin1", "admin2", "administrator", "aspnet", "backup", "bin", "console",
	"daemon", "david", "dnsmasq", "docker", "games", "guest", "irc", "john", "list", "lp", "mail", "man", "messagebus", "news",
	"nobody", "owner", "polkitd", "proxy", "root", "server", "sql", "sshd", "sudo", "support", "support_388945a0", "sync", "sys",
	"systemd-network", "systemd-resolve", "systemd-timesync", "tcpdump", "test", "test1", "test2", "test3",
	"user", "user1", "user2", "user3", "user4", "user5", "uucp", "uuidd", "www-data",
}

// ReservedUser tells whether an account of that name cannot be made on a node,
// or would be another one that is there already.
func ReservedUser(name string) bool { return slices.Contains(reservedUsers, name) }
