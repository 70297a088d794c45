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

// provider implements the engine's protocol for a Plugin.
type provider struct {
	engine.UnimplementedProvider
	plugin *Plugin
	link   *link
}

func newProvider(p *Plugin) *provider { return &provider{plugin: p, link: &link{}} }

// Handshake accepts secrets, so the engine sends them marked.
func (p *provider) Handshake(context.Context, engine.ProviderHandshakeRequest) (*engine.ProviderHandshakeResponse, error) {
	return &engine.ProviderHandshakeResponse{AcceptSecrets: true, AcceptResources: true, AcceptOutputs: true}, nil
}

func (p *provider) Pkg() tokens.Package { return tokens.Package(p.plugin.Name) }

func (p *provider) Attach(address string) error { return p.link.attach(address) }

// Close does nothing: the plugin outlives the engine.
func (p *provider) Close() error { return nil }

func (p *provider) SignalCancellation(ctx context.Context) error {
	p.link.interrupt(ctx)
	return nil
}

// Parameterize accepts a parameter value. It refuses arguments, which are for generating
// an SDK: these plugins have no schema.
func (p *provider) Parameterize(_ context.Context, req engine.ParameterizeRequest) (engine.ParameterizeResponse, error) {
	value, ok := req.Parameters.(*engine.ParameterizeValue)
	if !ok || p.plugin.Parameterize == nil {
		return engine.ParameterizeResponse{}, fmt.Errorf("the sandbox's plugin %s does not accept this kind of parameter", p.plugin.Name)
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

// GetSchema returns only the package's name: nobody generates an SDK from these plugins.
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

// DiffConfig never asks for replacement: a resource does not outlive its cloud. It
// ignores the plugin's version, which the engine adds to the inputs.
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

// Invoke runs a function. If an argument is secret, the whole result is secret.
func (p *provider) Invoke(ctx context.Context, req engine.InvokeRequest) (engine.InvokeResponse, error) {
	f, ok := p.plugin.Functions[string(req.Tok)]
	if !ok {
		return engine.InvokeResponse{}, fmt.Errorf("the sandbox's plugin %s does not emulate the function %s", p.plugin.Name, req.Tok)
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
