/*
 * The receiver closes the channel when it has enough; the sender does not know, and panics.
 *
 * EXPECT: ending @send main.produce [proved]
 * EXPECT: misuse @send send-closed [proved]
 * EXPECT: exit 2
 * REPORT: It was closed by the main goroutine
 */
package main

func produce(values chan int) {
	for n := 0; ; n++ {
		values <- n /* @send */
	}
}

func main() {
	values := make(chan int)
	go produce(values)
	for value := range values {
		if value == 3 {
			close(values)
			break
		}
	}
	select {}
}
