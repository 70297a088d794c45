package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// series is a line of a picture.
type series struct {
	name string
	x, y []float64
}

// The picture's size, and the room around the lines.
const (
	width, height = 640, 360
	left, right   = 50, 190
	top, bottom   = 40, 40
)

var colours = []string{"#0b6bcb", "#c2410c", "#15803d"}

// draw makes an SVG of the lines, both axes from zero.
func draw(title string, all []series) string {
	var maxX, maxY float64
	for _, s := range all {
		maxX, maxY = max(maxX, slices.Max(s.x)), max(maxY, slices.Max(s.y))
	}
	step := tick(maxY)
	maxY = math.Ceil(maxY/step) * step
	px := func(x float64) float64 { return left + x/maxX*(width-left-right) }
	py := func(y float64) float64 { return height - bottom - y/maxY*(height-top-bottom) }
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="white"/>
<text x="%d" y="20" font-size="14">%s</text>
`, width, height, left, title)
	for y := 0.0; y <= maxY; y += step {
		fmt.Fprintf(&svg, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", left, py(y), width-right, left-6, py(y)+4, y)
	}
	for _, x := range all[0].x {
		fmt.Fprintf(&svg, `<text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", px(x), height-bottom+18, x)
	}
	for i, s := range all {
		colour := colours[i%len(colours)]
		var points []string
		for j := range s.x {
			points = append(points, fmt.Sprintf("%.1f,%.1f", px(s.x[j]), py(s.y[j])))
			fmt.Fprintf(&svg, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", px(s.x[j]), py(s.y[j]), colour)
		}
		last := len(s.x) - 1
		fmt.Fprintf(&svg, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n",
			strings.Join(points, " "), colour, px(s.x[last])+8, py(s.y[last])+4, colour, s.name)
	}
	return svg.String() + "</svg>\n"
}

// tick is a round distance between grid lines that gives four to ten of them.
func tick(highest float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, part := range []float64{10, 5, 2, 1} {
		if highest/(step/part) >= 4 && highest/(step/part) <= 10 {
			return step / part
		}
	}
	return step
}
