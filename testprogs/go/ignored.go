/*
 * Goroutines that are left behind on purpose, and said to be by each of the options; one is not.
 *
 * EXPECT: blocked @select nothing [proved]
 * ENV: GOROCHECK_OPTIONS=go_ignore_top=main.park,^main.nowhere$:go_ignore_any=^main.keeper:go_ignore_created=main.made*:go_ignore_current=1
 * CFLAGS: testprogs/support/until.go
 */
package main

func park(reason string) {
	select {}
}

func keeper() {
	keep()
}

func keep() {
	select {}
}

func made_elsewhere() {
	go func() {
		select {}
	}()
}

func init() {
	go func() {
		select {}
	}()
}

func main() {
	go park("by its top function")
	go keeper()
	made_elsewhere()
	go func() {
		select {} /* @select */
	}()
	until(5, "select (no cases)")
}
