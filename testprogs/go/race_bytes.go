/*
 * Bytes and runes that are made a string while another goroutine writes them.
 *
 * EXPECT: race @bytes_write @bytes
 * EXPECT: race @part_write @part
 * EXPECT: race @runes_write @runes
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

func both(f, g func()) {
	var group sync.WaitGroup
	group.Add(2)
	go func() {
		defer group.Done()
		f()
	}()
	go func() {
		defer group.Done()
		g()
	}()
	group.Wait()
}

func main() {
	bytes := []byte("a line that is longer than the buffer for short strings")
	part, runes := []byte("0123456789"), []rune("héllo")
	var text [3]string
	both(
		func() { bytes[50] = 'x' /* @bytes_write */ },
		func() { text[0] = string(bytes) /* @bytes */ })
	both(
		func() { part[4] = 'x' /* @part_write */ },
		func() { text[1] = string(part[2:6]) /* @part */ })
	both(
		func() { runes[1] = 'e' /* @runes_write */ },
		func() { text[2] = string(runes) /* @runes */ })
	fmt.Println(len(text))
}
