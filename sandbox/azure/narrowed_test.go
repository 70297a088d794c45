package azure

import (
	"context"
	"encoding/base64"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"averazure/sandbox/plugin"
	"averazure/sandbox/plugin/plugintest"
)

// Names and refusals are the original's, from its provider_parameterize_test.go.
func TestAzureNativeCanBeNarrowed(t *testing.T) {
	w := newWorld(t)
	port, stop, err := plugin.Serve(context.Background(), w.cloud.Plugins()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	client := plugintest.Connect(t, port)
	for _, c := range []struct {
		parameter, name string
		code            codes.Code
	}{
		{`{"module":"keyvault","version":"v20260201"}`, "azure-native_keyvault_v20260201", codes.OK},
		{`{"module":"keyvault","version":"v20990101"}`, "", codes.InvalidArgument},
		{`{"module":"keyvault","version":"2026-02-01"}`, "", codes.InvalidArgument},
		{`{"module":"storage","version":"v20240101"}`, "", codes.InvalidArgument},
		{"not JSON", "", codes.InvalidArgument},
	} {
		answer, err := client.Parameterize(context.Background(), &pulumirpc.ParameterizeRequest{Parameters: &pulumirpc.ParameterizeRequest_Value{
			Value: &pulumirpc.ParameterizeRequest_ParametersValue{Name: "any", Version: "3.28.0", Value: []byte(base64.StdEncoding.EncodeToString([]byte(c.parameter)))}}})
		if status.Code(err) != c.code || answer.GetName() != c.name {
			t.Errorf("%s: %q, %v", c.parameter, answer.GetName(), err)
		}
	}
	plain := &pulumirpc.ParameterizeRequest_ParametersValue{Name: "any", Version: "3.28.0", Value: []byte(`{"module":"keyvault","version":"v20260201"}`)}
	if _, err := client.Parameterize(context.Background(), &pulumirpc.ParameterizeRequest{Parameters: &pulumirpc.ParameterizeRequest_Value{Value: plain}}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a parameter that is not base64: %v", err)
	}
}

// A vault of the earlier version is changed in place: only the API version differs.
func TestVaultOfTheFormerTypeIsChangedInPlace(t *testing.T) {
	s := newScene(t)
	vault := object{"resourceGroupName": "aver-rg", "properties": object{"tenantId": s.cloud.record.Tenant, "sku": object{"family": "A", "name": "standard"}}}
	made := s.create("azure-native:keyvault/v20230701:Vault", "aver-vault", vault)
	secret := s.create("azure-native:keyvault/v20230701:Secret", "client", object{"resourceGroupName": "aver-rg",
		"vaultName": made.inputs["vaultName"], "secretName": "client", "properties": object{"value": "v"}})
	for _, r := range []*res{made, secret} {
		id := r.id
		r.token = s.full(typeName(r.token))
		checked, failures, err := s.types[r.token].Check(context.Background(), s.urn(r.token, r.name), toEngine(r.inputs), toEngine(r.inputs))
		if err != nil || len(failures) > 0 {
			t.Fatal(err, failures)
		}
		news := fromEngine(checked)
		diff := r.diff(object{"azureApiVersion": news["azureApiVersion"]})
		if len(diff.Changes) != 1 || diff.Changes[0].Path != "azureApiVersion" || diff.Changes[0].Replace {
			t.Errorf("%s differs in %+v", r.name, diff.Changes)
		}
		if err := r.update(object{"azureApiVersion": news["azureApiVersion"]}); err != nil {
			t.Fatal(err)
		}
		if r.id != id || text(r.state, "azureApiVersion") != "2026-02-01" || r.gone() {
			t.Errorf("%s became %v", r.name, r.state)
		}
	}
}
