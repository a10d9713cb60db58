// lambdad's runtime for Node.js. The program proper is CommonJS, which loads faster; this file is the name that AWS's has too.
import './lambdad_runtime/main.cjs'
