/**
 * Process: the minimum that can give the same answers: the text of one scrape and one JSON answer,
 * from memory.
 */
import { createServer } from 'node:http';

let text = '';
const server = createServer((request, response) => {
  request.resume();
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/plain');
    response.end(text);
    return;
  }
  response.setHeader('content-type', 'application/json');
  response.end('{"name":"floor"}');
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'));
process.on('message', (message: { readonly text: string }) => {
  text = message.text;
  process.send?.('kept');
});
process.once('disconnect', () => process.exit());
