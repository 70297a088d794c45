package azure

import (
	"fmt"
	"regexp"
)

// nameRule is a service's rule for names. The rules are from
// https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
// unless another source is given.
type nameRule struct {
	min, max int
	pattern  *regexp.Regexp
	says     string // the rule in words
	code     string // the service's error code, InvalidResourceName if empty
	global   string // the code for a name that is used anywhere
}

// Most of Microsoft.Network uses this rule; networks need two characters.
var (
	networkName = nameRule{min: 1, max: 80, pattern: regexp.MustCompile(`^[A-Za-z0-9]([\w.-]*\w)?$`),
		says: "begins with a letter or number, ends with a letter, number or underscore, and holds only letters, numbers, underscores, periods and hyphens"}
	virtualNetworkName = nameRule{min: 2, max: 64, pattern: networkName.pattern, says: networkName.says}

	groupName = nameRule{min: 1, max: 90, pattern: regexp.MustCompile(`^[\p{L}\p{N}_().-]*[\p{L}\p{N}_()-]$`),
		says: "holds only letters, digits, underscores, parentheses, hyphens and periods, and does not end with a period"}
	vmName = nameRule{min: 1, max: 64, pattern: regexp.MustCompile("^[^\\s~!@#$%^&*()=+_\\[\\]{}\\\\|;:'\",<>/?\x00-\x1f]*[^\\s~!@#$%^&*()=+_\\[\\]{}\\\\|;:'\",<>/?.\x00-\x1f-]$"),
		says: "holds no spaces, underscores or other special characters, and does not end with a period or hyphen", code: "InvalidParameter"}
	diskName    = nameRule{min: 1, max: 80, pattern: networkName.pattern, says: networkName.says, code: "InvalidParameter"}
	accountName = nameRule{min: 3, max: 24, pattern: regexp.MustCompile(`^[a-z0-9]*$`),
		says: "holds only numbers and lower-case letters", code: "AccountNameInvalid", global: "StorageAccountAlreadyTaken"}
	containerName = nameRule{min: 3, max: 63, pattern: regexp.MustCompile(`^([a-z0-9]+(-[a-z0-9]+)*|\$web|\$root|\$logs)$`),
		says: "holds only lower-case letters, numbers and single hyphens between them"}
	defaultName = nameRule{min: 7, max: 7, pattern: regexp.MustCompile(`^default$`), says: "must be 'default'"}
	vaultName   = nameRule{min: 3, max: 24, pattern: regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$`),
		says: "begins with a letter, ends with a letter or digit, and holds only alphanumeric characters and no two hyphens in a row", code: "VaultNameNotValid", global: "VaultAlreadyExists"}
	secretName = nameRule{min: 1, max: 127, pattern: regexp.MustCompile(`^[A-Za-z0-9-]*$`),
		says: "holds only alphanumeric characters and hyphens", code: "BadRequest"}
	planName = nameRule{min: 1, max: 60, pattern: regexp.MustCompile(`^[\p{L}\p{N}-]*$`), says: "holds only alphanumeric characters and hyphens", code: "BadRequest"}
	siteName = nameRule{min: 2, max: 60, pattern: regexp.MustCompile(`^[\p{L}\p{N}]([\p{L}\p{N}-]*[\p{L}\p{N}])?$`),
		says: "holds only alphanumeric characters and hyphens, and neither begins nor ends with a hyphen", code: "BadRequest", global: "Conflict"}
	// https://learn.microsoft.com/azure/role-based-access-control/role-assignments-rest
	uuidName = nameRule{min: 36, max: 36, pattern: regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`),
		says: "must be a GUID", code: "InvalidRoleAssignmentId"}
)

// judge refuses an invalid name and a name that is already used.
func (r nameRule) judge(op *operation) error {
	code := r.code
	if code == "" {
		code = "InvalidResourceName"
	}
	if n := len([]rune(op.name)); n < r.min || n > r.max {
		return op.refuse(code, "the name %q has %d characters; it must have %s", op.name, n, span(r.min, r.max))
	}
	if r.pattern != nil && !r.pattern.MatchString(op.name) {
		return op.refuse(code, "the name %q is not valid: a name %s", op.name, r.says)
	}
	if r.global == "" {
		return nil
	}
	for _, e := range op.record.of(typeName(op.kind.tokens[0])) {
		if normalLocation(e.name()) == normalLocation(op.name) {
			return op.refuse(r.global, "the name %s is already taken (by %s); it must be unique in all of Azure", op.name, e.ID)
		}
	}
	return nil
}

func span(low, high int) string {
	if low == high {
		return fmt.Sprintf("%d", low)
	}
	return fmt.Sprintf("%d to %d", low, high)
}
