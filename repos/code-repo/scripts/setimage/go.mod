// A module of its own: the API needs none of this, and its image has none of it.
module setimage

go 1.25.11

tool setimage

require gopkg.in/yaml.v3 v3.0.1
