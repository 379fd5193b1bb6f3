<?php
/**
 * As much of WordPress and WooCommerce as the plugin's page calls: our own stand-ins, no code of theirs.
 *
 * `php wordpress.php PLUGIN SCENE`: prints the page of a scene, given as JSON:
 * {app, https, key, state, webhooks: [active, all], notice, allowed}.
 */

define( 'ABSPATH', __DIR__ );
const MINUTE_IN_SECONDS = 60;
$scene = json_decode( $argv[2], true );
$pages = array();
if ( '' !== ( $scene['notice'] ?? '' ) ) {
	$_GET['deskside'] = $scene['notice'];
}

class Store_Of_Keys {
	public $prefix = 'wp_';
	public function esc_like( $text ) { return $text; }
	public function prepare( $query, $value ) { return $query; }
	public function get_row( $query ) {
		global $scene;
		return $scene['key'] ? (object) array( 'consumer_secret' => 'cs_secret', 'permissions' => 'read_write', 'last_access' => null ) : null;
	}
}
$wpdb = new Store_Of_Keys();

class WC_Data_Store {
	public static function load( $kind ) { return new self(); }
	public function search_webhooks( $wanted ) {
		global $scene;
		return $scene['webhooks'][1] ? range( 1, $scene['webhooks'][1] ) : array();
	}
}

class Webhook {
	private $id;
	public function __construct( $id ) { $this->id = $id; }
	public function get_name() { return 'Deskside order.updated'; }
	public function get_status() {
		global $scene;
		return $this->id <= $scene['webhooks'][0] ? 'active' : 'disabled';
	}
}

function add_action( $name, $does ) {}
function add_filter( $name, $does ) {}
function register_uninstall_hook( $file, $does ) {}
function plugin_basename( $file ) { return basename( $file ); }
function add_submenu_page( $parent, $title, $label, $right, $slug, $page ) { global $pages; $pages[ "$parent/$slug" ] = array( $right, $page ); }
function current_user_can( $right ) { global $scene; return ( $scene['allowed'] ?? true ) && 'manage_woocommerce' === $right; }
function get_option( $name, $otherwise ) { global $scene; return $scene['app'] ?? $otherwise; }
function get_transient( $name ) { return false; }
function set_transient( $name, $value, $seconds ) {}
function home_url() { global $scene; return ( $scene['https'] ?? true ) ? 'https://shop.example' : 'http://shop.example'; }
function is_ssl() { global $scene; return $scene['https'] ?? true; }
function admin_url( $path ) { return home_url() . "/wp-admin/$path"; }
function untrailingslashit( $text ) { return rtrim( $text, '/' ); }
function add_query_arg( $name, $value, $url ) { return $url . ( strpos( $url, '?' ) ? '&' : '?' ) . "$name=$value"; }
function wp_parse_url( $url ) { return parse_url( $url ); }
function wp_generate_password( $length, $special ) { return str_repeat( 'n', $length ); }
function wp_remote_get( $url, $how ) { global $scene; return $scene['state'] ?? null; }
function is_wp_error( $answer ) { return null === $answer; }
function wp_remote_retrieve_response_code( $answer ) { return 200; }
function wp_remote_retrieve_body( $answer ) { return json_encode( $answer ); }
function wc_get_webhook( $id ) { return new Webhook( $id ); }
function number_format_i18n( $number ) { return number_format( $number ); }
function sanitize_key( $text ) { return preg_replace( '/[^a-z0-9_\-]/', '', strtolower( $text ) ); }
function wp_unslash( $value ) { return stripslashes( $value ); }
function wp_nonce_field( $action ) { echo '<input type="hidden" name="_wpnonce" value="' . md5( $action ) . '">'; }
function submit_button( $label, $kind ) { echo '<p class="submit"><input type="submit" class="button button-' . esc_attr( $kind ) . '" value="' . esc_attr( $label ) . '"></p>'; }
function esc_html( $text ) { return htmlspecialchars( $text, ENT_QUOTES ); }
function esc_attr( $text ) { return htmlspecialchars( $text, ENT_QUOTES ); }
function esc_url( $url ) { return htmlspecialchars( preg_replace( '/[^a-z0-9\-~+_.?#=!&;,\/:%@$|*\'()\[\]]/i', '', $url ), ENT_QUOTES ); }
function __( $text, $domain ) { return $text; }
function esc_html__( $text, $domain ) { return esc_html( $text ); }
function esc_html_e( $text, $domain ) { echo esc_html( $text ); }

require $argv[1];
deskside_menu();
list( $right, $page ) = $pages['woocommerce/deskside-agent-sidebar'];
'manage_woocommerce' === $right || exit( 1 );
$page();
