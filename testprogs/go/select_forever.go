/*
 * A goroutine parks itself for good.
 *
 * EXPECT: blocked @select nothing [proved]
 * CFLAGS: testprogs/support/until.go
 */
package main

func main() {
	go func() {
		select {} /* @select */
	}()
	until(1, "select (no cases)")
}
