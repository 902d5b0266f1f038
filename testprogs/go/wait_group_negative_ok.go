/*
 * Each goroutine is done once, on whatever way it ends; the group is used again after Wait.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"errors"
	"fmt"
	"sync"
)

func save(i int) error {
	if i%2 == 1 {
		return errors.New("odd")
	}
	return nil
}

func main() {
	var wait sync.WaitGroup
	failed := make([]bool, 4)
	for round := 0; round < 2; round++ {
		wait.Add(len(failed))
		for i := range failed {
			go func(i int) {
				defer wait.Done()
				if save(i) != nil {
					failed[i] = true
					return
				}
			}(i)
		}
		wait.Wait()
	}
	fmt.Println(failed)
}
