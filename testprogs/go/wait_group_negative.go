/*
 * Done once too often.
 *
 * EXPECT: ending @done main [proved]
 * EXPECT: misuse @done below-zero [proved]
 * EXPECT: exit 2
 */
package main

import "sync"

func main() {
	var wait sync.WaitGroup
	wait.Add(1)
	wait.Done()
	wait.Done() /* @done */
}
