/*
 * Panics with values of every sort, each from a deferred call of the one before: they are told as Go itself prints them.
 *
 * EXPECT: ending @last main [proved]
 * EXPECT: exit 2
 * REPORT: panicked: +1.500000e+000, then main.degrees(-2.500000e-001), then (+1.000000e+000-2.000000e+000i), then (main.pair) 0xc0
 */
package main

type degrees float32

type pair struct{ left, right int }

func chain(values []interface{}) {
	defer func() {
		if len(values) > 1 {
			chain(values[1:])
		}
	}()
	panic(values[0]) /* @last */
}

func main() {
	chain([]interface{}{1.5, degrees(-0.25), complex(1, -2), pair{1, 2}})
}
