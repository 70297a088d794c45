package infra

import (
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/recorder"
)

func TestSizes(t *testing.T) {
	for size, want := range map[string]struct {
		accelerated bool
		vCPUs       int
		ends        string
	}{
		"Standard_B2als_v2":        {true, 2, ""},
		"Standard_B2ls_v2":         {true, 2, ""},
		"Standard_B32s_v2":         {true, 32, ""},
		"Standard_B2s":             {false, 2, "2028-11-15"},
		"Standard_B20ms":           {false, 20, "2028-11-15"},
		"Standard_D2s_v3":          {false, 2, ""},
		"Standard_D4ads_v5":        {true, 4, ""},
		"Standard_D2ls_v6":         {true, 2, ""},
		"Standard_E4-2ds_v5":       {true, 4, ""},
		"Standard_DC2as_v5":        {false, 2, ""},
		"Standard_D11_v2":          {false, 0, "2028-05-01"},
		"Standard_DS14-8_v2":       {false, 0, "2028-05-01"},
		"Standard_D4":              {false, 0, "2028-05-01"},
		"Standard_A4m_v2":          {false, 4, "2028-11-15"},
		"Standard_F2s_v2":          {false, 2, "2028-11-15"},
		"Standard_F4s":             {false, 4, "2028-11-15"},
		"Standard_F4as_v6":         {false, 4, ""},
		"Standard_G5":              {false, 0, "2028-11-15"},
		"Standard_L8s":             {false, 8, "2028-05-01"},
		"Standard_L8s_v2":          {false, 8, "2028-11-15"},
		"Standard_L8s_v3":          {false, 8, ""},
		"Standard_M192idms_v2":     {false, 192, "2027-03-31"},
		"Standard_NV12s_v3":        {false, 12, "2026-09-30"},
		"Standard_NV4as_v4":        {false, 4, "2026-09-30"},
		"Standard_NC24rs_v3":       {false, 24, "2025-09-30"},
		"Standard_NC24ads_A100_v4": {false, 24, ""},
		"Standard_New":             {},
	} {
		ends := ""
		if day, known := retirement(size); known {
			ends = day.Format(time.DateOnly)
		}
		if accelerated(size) != want.accelerated || vCPUs(size) != want.vCPUs || ends != want.ends {
			t.Errorf("%s: accelerated %v, %d vCPUs, ends %q, want %+v", size, accelerated(size), vCPUs(size), ends, want)
		}
	}
}

func TestInterfacesAreAcceleratedWhereTheSizeIs(t *testing.T) {
	c := full()
	c.WorkerSize = "Standard_B2s"
	r, _ := mustRecord(t, c)
	for name, want := range map[string]any{"aver-manager-nic": true, "aver-manager-3-nic": true, "aver-worker-1-nic": nil} {
		if got := recorder.At(r.Get(nicType, name).Inputs, "enableAcceleratedNetworking"); got != want {
			t.Errorf("%s: accelerated %v, want %v", name, got, want)
		}
	}
}

// keysOf are the keys that warnings are about.
func keysOf(warnings []string) string {
	var keys []string
	for _, warning := range warnings {
		keys = append(keys, strings.SplitN(warning, ":", 3)[1])
	}
	return strings.Join(keys, " ")
}

func TestSizesThatEndAndLimitsAreWarnedOf(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"as shipped":        {func(c *Config) {}, ""},
		"old sizes":         {func(c *Config) { c.ManagerSize, c.WorkerSize = "Standard_B2s", "Standard_DS2_v2" }, "managerSize workerSize"},
		"none of the size":  {func(c *Config) { c.WorkerSize, c.Workers = "Standard_B2s", 0 }, ""},
		"10 addresses":      {func(c *Config) { c.Managers, c.Workers, c.LoadBalancer = 3, 7, false }, ""},
		"11 addresses":      {func(c *Config) { c.Managers, c.Workers, c.LoadBalancer = 3, 8, false }, "workers workers"},
		"behind a balancer": {func(c *Config) { c.Managers, c.Workers = 3, 8 }, "workers"}, // the warning is about vCPUs only
		"20 vCPUs":          {func(c *Config) { c.WorkerSize, c.Workers = "Standard_D9s_v6", 2 }, ""},
		"22 vCPUs":          {func(c *Config) { c.WorkerSize, c.Workers = "Standard_D10s_v6", 2 }, "workers"},
	} {
		c := full()
		c.Managers = 1
		tc.change(&c)
		if got := keysOf(c.Warnings(moment)); got != tc.want {
			t.Errorf("%s: warnings about %q, want %q:\n%s", name, got, tc.want, strings.Join(c.Warnings(moment), "\n"))
		}
	}
	c := full()
	for balancer, want := range map[bool]int{true: 4, false: 5} {
		if c.LoadBalancer = balancer; c.limitWarnings() != nil {
			t.Error(c.limitWarnings())
		}
		if got, _ := c.publicAddresses(); got != want {
			t.Errorf("balancer %v: %d public addresses, want %d", balancer, got, want)
		}
	}
	c.ManagerSize = "Standard_B2s"
	said := map[string]bool{} // after the day of retirement the warning has another text
	for _, now := range []string{"2026-11-22", "2028-11-16"} {
		got := c.sizeWarnings(mustDay(now))
		if len(got) != 1 || !strings.Contains(got[0], " Standard_B2s ") || !strings.Contains(got[0], " 15 November 2028") || said[got[0]] {
			t.Fatalf("on %s: %q", now, got)
		}
		said[got[0]] = true
	}
}

func TestRuntimesThatEndAreWarnedOf(t *testing.T) {
	for runtime, want := range map[string]string{
		"custom:1.0": "", "node:22": "node:22 30 April 2027", "java:21": "", "node:99": "node:99 `az", "python:3.9": "python:3.9 `az",
		"dotnet-isolated:8.0": "dotnet-isolated:8.0 10 November 2026",
	} {
		c := full()
		c.FunctionRuntime = runtime
		got := c.runtimeWarning(moment)
		if lacks := func(word string) bool { return !strings.Contains(got, word) }; want == "" && got != "" || slices.ContainsFunc(strings.Fields(want), lacks) {
			t.Errorf("%s: %q, want %q", runtime, got, want)
		}
	}
	c := full()
	c.FunctionRuntime = "node:22"
	if got := c.runtimeWarning(mustDay("2026-11-01").Add(-time.Second)); got != "" {
		t.Errorf("more than 180 days before its end: %q", got)
	}
	for runtime := range runtimeEnds {
		if c.FunctionRuntime = runtime; len(c.Validate()) > 0 {
			t.Errorf("%s is in the table and refused: %v", runtime, c.Validate())
		}
	}
}
