package azure

// groupKinds is the resource group. Deleting it deletes its resources.
var groupKinds = []*kind{{
	tokens:   []string{"azure-native:resources:ResourceGroup", "azure-native:resources/v20220901:ResourceGroup"},
	azure:    "Microsoft.Resources/resourceGroups",
	path:     "/resourceGroups/{resourceGroupName}",
	auto:     autoRandom,
	rule:     groupName,
	required: []string{"location"},
	replaces: []string{"location"}, // forceNewMap in azure-native's provider/pkg/gen/replacement.go
	computed: []string{"properties"},
	filters:  true,
	complete: func(op *operation) { put(op.state, "properties.provisioningState", "Succeeded") },
}}
