/*
 * With libgo linked in nothing of a goroutine can be observed: that is said, and is not "no findings".
 *
 * EXPECT: none
 * CFLAGS: -static-libgo
 * STATUS: 4
 * BARE: yes
 */
package main

import (
	"fmt"
	"time"
)

func main() {
	go func() {
		select {}
	}()
	time.Sleep(20 * time.Millisecond)
	fmt.Println("unseen")
}
