/*
 * The names are handed to a function, which says when it has enough.
 *
 * EXPECT: none
 */
package main

import "fmt"

func listDirectory(visit func(name string) bool) {
	for _, name := range []string{"a", "b", "c", "d"} {
		if !visit(name) {
			return
		}
	}
}

func main() {
	listDirectory(func(name string) bool {
		if name == "b" {
			fmt.Println("found", name)
			return false
		}
		return true
	})
}
