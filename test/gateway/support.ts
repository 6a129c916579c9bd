/** A gateway on a port of its own, and ways to speak to it that no HTTP client would allow. */
import { request as httpRequest } from "node:http"
import { connect } from "node:net"
import type { GatewayOptions } from "../../gateway/index.ts"
import { startGateway } from "../../gateway/index.ts"
import { MetricRegistry } from "../../runtime/index.ts"
import { runScoped } from "../support/scoped.ts"

export type Given = Partial<GatewayOptions> & Pick<GatewayOptions, "reads">

export const started = (given: Given) =>
  runScoped(
    startGateway({
      metrics: new MetricRegistry(),
      port: 0,
      development: false,
      tenant: "demo",
      ...given,
    }),
  )

export interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: string | string[] | undefined }
  readonly text: string
  readonly json: () => {
    data?: { [field: string]: unknown } | null
    errors?: { message: string; path?: unknown[]; extensions: { [name: string]: unknown } }[]
  }
}

interface Asked {
  readonly method?: string
  readonly headers?: { readonly [name: string]: string }
  readonly body?: string | Uint8Array
}

/** By `node:http`, which unlike fetch sends any Host and Origin. */
export const ask = (url: string, asked: Asked = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { method = "GET", headers = {}, body } = asked
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      const parts: Buffer[] = []
      response.on("data", (part) => parts.push(Buffer.from(part)))
      response.on("error", reject)
      response.on("end", () => {
        const text = Buffer.concat(parts).toString("utf8")
        const status = response.statusCode ?? 0
        resolve({ status, headers: response.headers, text, json: () => JSON.parse(text) })
      })
    })
    request.on("error", reject)
    request.end(body)
  })

export const post = (url: string, body: unknown, headers: Asked["headers"] = {}) =>
  ask(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  })

export const query = (url: string, document: string, variables?: { [name: string]: unknown }) =>
  post(url, { query: document, variables })

/** Sends bytes as they are and reads until the other side ends. */
export const raw = (url: string, bytes: string | Uint8Array): Promise<string> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const parts: Buffer[] = []
    socket.on("data", (part) => parts.push(Buffer.from(part)))
    socket.on("error", () => undefined)
    socket.on("close", () => resolve(Buffer.concat(parts).toString("utf8")))
    socket.write(bytes)
  })
