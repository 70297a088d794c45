package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// provider carries out the engine's protocol for a Plugin.
type provider struct {
	engine.UnimplementedProvider
	plugin *Plugin
	link   *link
}

func newProvider(p *Plugin) *provider { return &provider{plugin: p, link: &link{}} }

// Handshake speaks secrets, so that they come marked instead of in clear.
func (p *provider) Handshake(context.Context, engine.ProviderHandshakeRequest) (*engine.ProviderHandshakeResponse, error) {
	return &engine.ProviderHandshakeResponse{AcceptSecrets: true, AcceptResources: true, AcceptOutputs: true}, nil
}

func (p *provider) Pkg() tokens.Package { return tokens.Package(p.plugin.Name) }

func (p *provider) Attach(address string) error { return p.link.attach(address) }

// Close does nothing: an engine that leaves does not take the plugin with it.
func (p *provider) Close() error { return nil }

func (p *provider) SignalCancellation(context.Context) error {
	p.link.interrupt()
	return nil
}

// Parameterize answers an engine that brings a parameter with it. Arguments come
// from those who want an SDK generated, for which these plugins have no schema.
func (p *provider) Parameterize(_ context.Context, req engine.ParameterizeRequest) (engine.ParameterizeResponse, error) {
	value, ok := req.Parameters.(*engine.ParameterizeValue)
	if !ok || p.plugin.Parameterize == nil {
		return engine.ParameterizeResponse{}, fmt.Errorf("the sandbox's %s plugin takes no parameters of this form", p.plugin.Name)
	}
	name, err := p.plugin.Parameterize(value.Value)
	if err != nil {
		return engine.ParameterizeResponse{}, err
	}
	version, err := semver.ParseTolerant(p.plugin.Version)
	return engine.ParameterizeResponse{Name: name, Version: version}, err
}

func (p *provider) GetPluginInfo(context.Context) (engine.PluginInfo, error) {
	version, err := semver.ParseTolerant(p.plugin.Version)
	if err != nil {
		return engine.PluginInfo{}, fmt.Errorf("version of the %s plugin: %w", p.plugin.Name, err)
	}
	return engine.PluginInfo{Version: &version}, nil
}

// GetSchema names the package only: no SDK is generated from these plugins.
func (p *provider) GetSchema(context.Context, engine.GetSchemaRequest) (engine.GetSchemaResponse, error) {
	schema, err := json.Marshal(map[string]any{"name": p.plugin.Name, "version": p.plugin.Version})
	return engine.GetSchemaResponse{Schema: schema}, err
}

func (p *provider) CheckConfig(ctx context.Context, req engine.CheckConfigRequest) (engine.CheckConfigResponse, error) {
	news, failures := plain(req.News), []Failure(nil)
	if p.plugin.CheckConfig != nil {
		ctx, done := p.link.operation(ctx, req.URN, 0)
		defer done()
		var err error
		if news, failures, err = p.plugin.CheckConfig(ctx, news); err != nil {
			return engine.CheckConfigResponse{}, err
		}
	}
	conceal(news, req.News, false)
	return engine.CheckConfigResponse{Properties: news, Failures: wireFailures(failures)}, nil
}

// DiffConfig never asks for replacement: no resource here outlives its cloud. The
// plugin's version, which the engine adds to its inputs, does not count.
func (p *provider) DiffConfig(_ context.Context, req engine.DiffConfigRequest) (engine.DiffConfigResponse, error) {
	olds, news := req.OldInputs.Copy(), req.NewInputs.Copy()
	delete(olds, "version")
	delete(news, "version")
	return Type{}.Compare(olds, news).wire(), nil
}

func (p *provider) Configure(ctx context.Context, req engine.ConfigureRequest) (engine.ConfigureResponse, error) {
	if p.plugin.Configure == nil {
		return engine.ConfigureResponse{}, nil
	}
	var urn resource.URN
	if req.URN != nil {
		urn = *req.URN
	}
	ctx, done := p.link.operation(ctx, urn, 0)
	defer done()
	return engine.ConfigureResponse{}, p.plugin.Configure(ctx, plain(req.Inputs))
}

// Invoke answers a function. A result of secret arguments is secret as a whole.
func (p *provider) Invoke(ctx context.Context, req engine.InvokeRequest) (engine.InvokeResponse, error) {
	f, ok := p.plugin.Functions[string(req.Tok)]
	if !ok {
		return engine.InvokeResponse{}, fmt.Errorf("the sandbox's %s plugin does not play the function %s", p.plugin.Name, req.Tok)
	}
	ctx, done := p.link.operation(ctx, "", 0)
	defer done()
	result, err := f(ctx, plain(req.Args))
	if err != nil {
		return engine.InvokeResponse{}, err
	}
	if req.Args.ContainsSecrets() {
		result = maps.Clone(result)
		for k, v := range result {
			result[k] = resource.MakeSecret(v)
		}
	}
	return engine.InvokeResponse{Properties: result}, nil
}

func wireFailures(failures []Failure) []engine.CheckFailure {
	out := make([]engine.CheckFailure, len(failures))
	for i, f := range failures {
		out[i] = engine.CheckFailure{Property: resource.PropertyKey(f.Property), Reason: f.Reason}
	}
	return out
}
