/*
 * A deferred function adds to the panic that it has recovered: both are told, the value of a type of the program's own, too.
 *
 * EXPECT: ending @again main [proved]
 * EXPECT: exit 2
 * REPORT: panicked: main.status(-7) [recovered], then step 2: status -7, which ended the program
 */
package main

import "fmt"

type status int

func step(n int) {
	defer func() {
		if why := recover(); why != nil {
			panic(fmt.Errorf("step %d: status %d", n, why)) /* @again */
		}
	}()
	if n == 2 {
		panic(status(-7))
	}
}

func main() {
	step(1)
	step(2)
}
