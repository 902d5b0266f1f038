/*
 * A map that one goroutine writes while another reads it.
 *
 * EXPECT: race @write @read
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	ages := map[string]int{"ann": 1}
	var group sync.WaitGroup
	group.Add(2)
	found := false
	go func() {
		defer group.Done()
		ages["bob"] = 2 /* @write */
	}()
	go func() {
		defer group.Done()
		_, found = ages["ann"] /* @read */
	}()
	group.Wait()
	fmt.Println(found)
}
