/*
 * A Go program is not patched when it is loaded, whatever was asked (libgcc's split-stack code in it would be patched along):
 * even this race, which patching would show, is not seen.
 *
 * EXPECT: none
 * ENV: GOROCHECK_OPTIONS=patch=main
 */
package main

import (
	"fmt"
	"sync"
)

func add(total *int, done *sync.WaitGroup) {
	defer done.Done()
	*total += 1
}

func main() {
	var done sync.WaitGroup
	total := 0
	for i := 0; i < 50; i++ {
		done.Add(1)
		go add(&total, &done)
	}
	done.Wait()
	fmt.Println(total > 0)
}
