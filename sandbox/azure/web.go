package azure

import (
	"slices"
	"strings"
)

// webTokens are the API versions with Flex Consumption (functionAppConfig).
func webTokens(name string) []string {
	var tokens []string
	for _, version := range []string{"v20231201", "v20240401", "v20241101"} {
		tokens = append(tokens, "azure-native:web/"+version+":"+name)
	}
	return append(tokens, "azure-native:web:"+name)
}

// webKinds are plans and function apps. The sandbox does not run functions.
var webKinds = []*kind{{
	tokens:   webTokens("AppServicePlan"),
	azure:    "Microsoft.Web/serverfarms",
	path:     "/resourceGroups/{resourceGroupName}/providers/Microsoft.Web/serverfarms/{name}",
	auto:     autoRandom,
	rule:     planName,
	located:  true,
	required: []string{"location"},
	computed: []string{"provisioningState", "status", "geoRegion", "maximumNumberOfWorkers", "numberOfSites", "numberOfWorkers", "resourceGroup", "subscription"},
	judge: func(op *operation) error {
		if reserved, _ := flag(op.inputs, "reserved"); op.flexible() && !reserved {
			return op.refuse("BadRequest", "Flex Consumption (sku FC1) runs on Linux only: reserved must be true")
		}
		return nil
	},
	complete: func(op *operation) {
		op.completeSite()
		op.state["status"], op.state["subscription"] = "Ready", op.record.Subscription
		fallback(op.state, "maximumNumberOfWorkers", 100.0)
		fallback(op.state, "numberOfSites", 0.0)
		fallback(op.state, "numberOfWorkers", 1.0)
	},
	keep: func(op *operation) error {
		if site := op.siteOn(op.id); site != nil {
			return op.refuse("Conflict", "server farm '%s' cannot be deleted because it has web app(s) %s assigned to it", op.name, site.name())
		}
		return nil
	},
}, {
	tokens:   webTokens("WebApp"),
	azure:    "Microsoft.Web/sites",
	path:     "/resourceGroups/{resourceGroupName}/providers/Microsoft.Web/sites/{name}",
	auto:     autoRandom,
	rule:     siteName,
	located:  true,
	required: []string{"location"},
	refs:     []string{"serverFarmId"},
	replaces: []string{"location", "kind"}, // azure-native's replacement.go
	hidden:   []string{"siteConfig.appSettings", "siteConfig.connectionStrings"},
	computed: []string{"defaultHostName", "state", "enabled", "enabledHostNames", "hostNames", "hostNameSslStates", "outboundIpAddresses",
		"possibleOutboundIpAddresses", "customDomainVerificationId", "lastModifiedTimeUtc", "repositorySiteName", "resourceGroup",
		"usageState", "availabilityState", "identity.principalId", "identity.tenantId"},
	judge:    judgeSite,
	complete: completeApp,
}}

// flexible tells whether a plan is a Flex Consumption plan.
func (op *operation) flexible() bool { return flexiblePlan(op.inputs) }

func flexiblePlan(plan object) bool {
	return strings.EqualFold(text(plan, "sku.name"), "FC1") || strings.EqualFold(text(plan, "sku.tier"), "FlexConsumption")
}

// siteOn finds another app on a plan.
func (op *operation) siteOn(plan string) *entry {
	for _, e := range op.record.of("WebApp") {
		if strings.EqualFold(text(e.State, "serverFarmId"), plan) && !strings.EqualFold(e.ID, op.id) {
			return e
		}
	}
	return nil
}

// flexForbidden are settings that Flex Consumption refuses.
// https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
var flexForbidden = []string{"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_WORKER_RUNTIME_VERSION",
	"WEBSITE_NODE_DEFAULT_VERSION", "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", "WEBSITE_CONTENTSHARE",
	"WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT", "WEBSITE_VNET_ROUTE_ALL"}

func judgeSite(op *operation) error {
	plan := op.record.get(text(op.inputs, "serverFarmId"))
	if plan == nil || !flexiblePlan(plan.Inputs) {
		return nil
	}
	// https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan: one app per plan.
	if other := op.siteOn(plan.ID); other != nil {
		return op.refuse("Conflict", "the Flex Consumption plan %s already has the app %s; it can have one only", plan.name(), other.name())
	}
	if at(op.inputs, "functionAppConfig") == nil {
		return op.refuse("BadRequest", "Site.FunctionAppConfig is invalid: the FunctionAppConfig section was not specified in the request, which is required for Flex Consumption sites")
	}
	if text(op.inputs, "functionAppConfig.deployment.storage.value") == "" || text(op.inputs, "functionAppConfig.runtime.name") == "" {
		return op.refuse("BadRequest", "Site.FunctionAppConfig is invalid: it needs deployment.storage and runtime")
	}
	for _, setting := range items(op.inputs, "siteConfig.appSettings") {
		if name := text(setting, "name"); slices.Contains(flexForbidden, name) {
			return op.refuse("BadRequest", "the app setting Site.SiteConfig.AppSettings.%s for Flex Consumption sites is invalid; remove or rename it", name)
		}
	}
	return nil
}

// completeSite adds the outputs that plans and apps share.
func (op *operation) completeSite() {
	op.state["provisioningState"] = "Succeeded"
	op.state["geoRegion"] = text(op.inputs, "location")
	op.state["resourceGroup"] = text(op.inputs, "resourceGroupName")
}

// completeApp adds the service's outputs to an app. azure-native reads every app by its
// default API version, 2022-09-01, without functionAppConfig and without settings
// (makeWebAppResource in its custom_webapp.go), so it never sees manual changes of
// either.
func completeApp(op *operation) {
	op.completeSite()
	delete(op.state, "functionAppConfig")
	delete(op.state, "provisioningState")
	delete(op.state, "geoRegion")
	op.completeIdentity()
	host := strings.ToLower(op.name)
	op.state["defaultHostName"], op.state["repositorySiteName"] = host+".azurewebsites.net", op.name
	op.state["hostNames"] = list(host + ".azurewebsites.net")
	op.state["enabledHostNames"] = list(host+".azurewebsites.net", host+".scm.azurewebsites.net")
	op.state["hostNameSslStates"] = []any{object{"hostType": "Standard", "name": host + ".azurewebsites.net", "sslState": "Disabled"}}
	op.state["state"], op.state["usageState"], op.state["availabilityState"] = "Running", "Normal", "Normal"
	op.state["lastModifiedTimeUtc"] = timestamp()
	fallback(op.state, "enabled", true)
	op.keep("customDomainVerificationId", func() any { return strings.ToUpper(randomHex(32)) })
	op.state["outboundIpAddresses"], op.state["possibleOutboundIpAddresses"] = "", ""
}
