package failure_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
	"averazure/internal/recorder"
)

const keyType = "tls:index/privateKey:PrivateKey"

// keys registers keys that share one policy.
func keys(policy failure.Policy, names ...string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		handled, err := failure.Handle(ctx, "keys", policy)
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := tls.NewPrivateKey(ctx, name, &tls.PrivateKeyArgs{Algorithm: pulumi.String("RSA")}, handled); err != nil {
				return err
			}
		}
		return nil
	}
}

// sentence names the resource and what the provider said.
func sentence(failed *pulumi.ErrorHookArgs) string {
	return failed.FailedOperation + " " + failed.Name + ": " + strings.Join(failed.Errors, ", ")
}

func passing(*pulumi.ErrorHookArgs) bool { return true }

func TestAFailureIsExplainedOnceOnItsResource(t *testing.T) {
	r := &recorder.Recorder{Fail: keyType, FailWith: "no"}
	if err := r.Run(keys(failure.Policy{Explain: sentence}, "one", "two")); err == nil {
		t.Error("the program went on as if nothing had happened")
	}
	logs := slices.Sorted(slices.Values(r.Logs()))
	if want := []string{"error: create one: no", "error: create two: no"}; !slices.Equal(logs, want) {
		t.Errorf("messages %q, want %q", logs, want)
	}
	if at := r.LoggedOn("error: create one: no"); !strings.HasSuffix(at, keyType+"::one") {
		t.Errorf("the message is on %q", at)
	}
}

func TestNothingIsPrintedWithoutAFailureOrASentence(t *testing.T) {
	silent := failure.Policy{Explain: func(*pulumi.ErrorHookArgs) string { return "" }}
	for policy, fail := range map[*failure.Policy]string{{Explain: sentence}: "", &silent: keyType} {
		r := &recorder.Recorder{Fail: fail}
		if err := r.Run(keys(*policy, "one")); (err != nil) != (fail != "") {
			t.Errorf("fail %q: error %v", fail, err)
		}
		if len(r.Logs()) > 0 {
			t.Errorf("fail %q: messages %q", fail, r.Logs())
		}
	}
}

func TestAPassingErrorIsTriedAgain(t *testing.T) {
	r := &recorder.Recorder{Fail: keyType, FailWith: "not yet", FailTimes: 2}
	policy := failure.Policy{Explain: sentence, Passing: passing, Tries: 3, Pause: time.Millisecond}
	if err := r.Run(keys(policy, "one")); err != nil || len(r.Logs()) > 0 {
		t.Errorf("the third try passes; error %v, messages %q", err, r.Logs())
	}
}

func TestTriesAreBounded(t *testing.T) {
	r := &recorder.Recorder{Fail: keyType, FailWith: "not yet"}
	policy := failure.Policy{Explain: sentence, Passing: passing, Tries: 3, Pause: time.Millisecond}
	if err := r.Run(keys(policy, "one")); err == nil {
		t.Error("the program went on as if nothing had happened")
	}
	if want := []string{"error: create one: not yet, not yet, not yet"}; !slices.Equal(r.Logs(), want) {
		t.Errorf("messages %q, want %q", r.Logs(), want)
	}
}

func TestAnErrorThatStaysIsNotTriedAgain(t *testing.T) {
	r := &recorder.Recorder{Fail: keyType, FailWith: "never"}
	policy := failure.Policy{Explain: sentence, Tries: 3,
		Passing: func(failed *pulumi.ErrorHookArgs) bool { return failed.Errors[0] == "not yet" }}
	if err := r.Run(keys(policy, "one")); err == nil || len(r.Logs()) != 1 {
		t.Errorf("error %v, messages %q", err, r.Logs())
	}
}

func TestSenselessRetriesAreRefused(t *testing.T) {
	for _, tries := range []int{0, 1, 51} {
		r := &recorder.Recorder{}
		if err := r.Run(keys(failure.Policy{Passing: passing, Tries: tries}, "one")); err == nil {
			t.Errorf("%d tries are accepted", tries)
		}
	}
}
