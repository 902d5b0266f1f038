/*
 * A goroutine parks itself for good.
 *
 * EXPECT: blocked @select nothing [proved]
 */
package main

import "time"

func main() {
	go func() {
		select {} /* @select */
	}()
	time.Sleep(20 * time.Millisecond)
}
