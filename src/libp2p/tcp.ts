import { Socket } from 'node:net'
import {
  type CreateListenerOptions,
  type DialTransportOptions,
  type MultiaddrConnection,
  type Transport,
  transportSymbol,
  type Upgrader,
} from '@libp2p/interface'
import { tcp as plainTcp, type TCPComponents, type TCPOptions } from '@libp2p/tcp'

/**
 * libp2p's TCP transport, but what a turn of the event loop writes to a socket leaves in one system call and, if it fits,
 * in one packet. The plain one makes a call of every piece, and every encrypted frame is two pieces: its length and itself.
 *
 * Takes and does what `tcp` of `@libp2p/tcp` does otherwise; peers on either talk to each other.
 */
export function tcp(options: TCPOptions = {}): (components: TCPComponents) => Transport {
  return (components) => withOneWriteATurn(plainTcp(options)(components))
}

function withOneWriteATurn(transport: Transport): Transport {
  const turn = new WriteTurn()
  return {
    [transportSymbol]: true,
    [Symbol.toStringTag]: transport[Symbol.toStringTag],
    dial: (address, options: DialTransportOptions) =>
      transport.dial(address, { ...options, upgrader: turn.upgrader(options.upgrader) }),
    createListener: (options: CreateListenerOptions) =>
      transport.createListener({ ...options, upgrader: turn.upgrader(options.upgrader) }),
    listenFilter: (addresses) => transport.listenFilter(addresses),
    dialFilter: (addresses) => transport.dialFilter(addresses),
  }
}

/** Holds back what sockets are given to write until the turn of the event loop ends. */
class WriteTurn {
  readonly #corked: Socket[] = []

  /** The upgrader, but connections gather what they write before it gets them. */
  upgrader(upgrader: Upgrader): Upgrader {
    return new Proxy(upgrader, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (!isFunction(value)) return value
        const isUpgrade = name === 'upgradeInbound' || name === 'upgradeOutbound'
        return (...args: unknown[]): unknown => {
          if (isUpgrade) this.#gather(args[0] as MultiaddrConnection) // the first of both
          return value.apply(target, args)
        }
      },
    })
  }

  #gather(connection: MultiaddrConnection): void {
    const socket: unknown = Reflect.get(connection, 'socket')
    const sendData: unknown = Reflect.get(connection, 'sendData')
    if (!(socket instanceof Socket) || !isFunction(sendData)) return
    Object.assign(connection, {
      sendData: (data: { readonly byteLength: number }): unknown => {
        // Much at once leaves at once: held back, it would look like a full socket, and stop whoever sends.
        const isMuch = socket.writableLength + data.byteLength >= socket.writableHighWaterMark
        if (isMuch) socket.uncork()
        else if (socket.writableCorked === 0) this.#cork(socket)
        return sendData.call(connection, data)
      },
    })
  }

  #cork(socket: Socket): void {
    socket.cork()
    // After all that the poll of this turn brings: answers to many requests leave together.
    if (this.#corked.push(socket) === 1) setImmediate(this.#uncork)
  }

  readonly #uncork = (): void => {
    for (const socket of this.#corked.splice(0)) socket.uncork()
  }
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === 'function'
}
