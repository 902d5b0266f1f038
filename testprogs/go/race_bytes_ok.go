/*
 * The same of bytes that nobody else has, or not at the same time; and of the part next to the one that is written.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	var group sync.WaitGroup
	var lock sync.Mutex
	shared, runes := []byte("0123456789"), []rune("héllo")
	known := map[string]bool{"key": true}
	longest := 0
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for n := 0; n < 100; n++ {
				own := []byte("key")
				own[0] += byte(i)
				found := known[string(own)]
				shared[i] = 'x'
				text := string(shared[i : i+1])
				lock.Lock()
				runes[1] = rune('a' + i)
				if length := len(string(runes) + text); length > longest || found {
					longest = length
				}
				lock.Unlock()
			}
		}(i)
	}
	group.Wait()
	fmt.Println(longest, string(shared))
}
