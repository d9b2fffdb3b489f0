// The same calls and classes for ES modules; everything is made in index.cjs.
import keywheel from './index.cjs'

export const { KeywheelError, Rotator, verifyStream, version } = keywheel
export default keywheel
