package stackfile

type File struct{ S Specs }

func (f *File) Specs(stack string, images, secrets map[string]string) (Specs, error) { return f.S, nil }
