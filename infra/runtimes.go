package infra

import (
	"fmt"
	"strings"
	"time"

	"averazure/internal/settings"
)

// runtimeNotice is how long before a runtime's end the program begins to warn.
const runtimeNotice = 180 * 24 * time.Hour

// ownRuntime is the runtime of an app that is a program of its own.
const ownRuntime = "custom:1.0"

// runtimeEnds are the days after which Azure fixes nothing in a runtime of Flex
// Consumption, and may refuse it to new apps, as of August 2026. A custom handler is the
// app's own program and has no such day. A runtime that is not listed here may be newer
// than the list, so it only causes a warning: Azure accepts a runtime that it does not
// have, and the app never starts (Azure-Functions #2666).
// https://learn.microsoft.com/powershell/module/az.functions/get-azfunctionappflexconsumptionruntime
// https://learn.microsoft.com/azure/azure-functions/functions-versions
var runtimeEnds = map[string]string{
	"dotnet-isolated:8.0": "2026-11-10", "dotnet-isolated:9.0": "2026-11-10", "dotnet-isolated:10.0": "2028-11-14",
	"java:17": "2027-09-01", "java:21": "2028-09-01",
	"node:20": "2026-04-30", "node:22": "2027-04-30",
	"powershell:7.4": "2026-11-10",
	"python:3.10":    "2026-10-31", "python:3.11": "2027-10-31", "python:3.12": "2028-10-31", "python:3.13": "2029-10-31", "python:3.14": "2030-10-31",
}

// runtimeWarning warns of a runtime that ends soon or has ended. It is not an error: a
// running app continues, and everything else must still be possible to update.
func (c Config) runtimeWarning(now time.Time) string {
	if c.FunctionRuntime == ownRuntime {
		return ""
	}
	language, _, _ := strings.Cut(c.FunctionRuntime, ":")
	lists := fmt.Sprintf("`az functionapp list-flexconsumption-runtimes --location %s --runtime %s` lists what is there", c.Location, language)
	text, known := runtimeEnds[c.FunctionRuntime]
	if !known {
		return settings.Warningf("functionRuntime", "this program does not know %s; %s; with any other Azure may make an app that never starts", c.FunctionRuntime, lists)
	}
	ends, verb := mustDay(text), "ends"
	if now.After(ends) {
		verb = "has ended"
	} else if ends.Sub(now) > runtimeNotice {
		return ""
	}
	return settings.Warningf("functionRuntime", "%s %s on %s; %s, and %s is a program of your own that needs none",
		c.FunctionRuntime, verb, ends.Format(day), lists, ownRuntime)
}
